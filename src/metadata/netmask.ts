/** A CIDR's network and mask as addresses, as guests of an older time want them. */
import ipaddr from 'ipaddr.js'

/** `255.255.255.0` of `10.0.0.0/24`. */
export function netmaskOf(cidr: string): string {
  const [address, prefix] = ipaddr.parseCIDR(cidr)
  return address.kind() === 'ipv4'
    ? ipaddr.IPv4.subnetMaskFromPrefixLength(prefix).toString()
    : ipaddr.IPv6.subnetMaskFromPrefixLength(prefix).toString()
}

/** `10.0.0.0` of `10.0.0.7/24`. */
export function networkOf(cidr: string): string {
  return ipaddr.parseCIDR(cidr)[0].kind() === 'ipv4'
    ? ipaddr.IPv4.networkAddressFromCIDR(cidr).toString()
    : ipaddr.IPv6.networkAddressFromCIDR(cidr).toString()
}
