/** `img_hv_requested_version`: `>=6.0, <8` over a dotted version. Source: oslo_utils.versionutils.VersionPredicate */

/** Whether `version` (libvirt's number form) satisfies every part. A predicate that cannot be read is satisfied by none. */
export function satisfiesVersion(version: number, predicate: string): boolean {
  const ours = [Math.floor(version / 1_000_000), Math.floor(version / 1000) % 1000, version % 1000]
  return predicate.split(',').every((part) => {
    const found = /^\s*(<=|>=|==|!=|<|>)\s*(\d+(?:\.\d+){0,2})\s*$/.exec(part)
    if (found === null) return false
    const theirs = found[2]!.split('.').map(Number)
    const order = [0, 1, 2].map((at) => Math.sign(ours[at]! - (theirs[at] ?? 0))).find((sign) => sign !== 0) ?? 0
    switch (found[1]) {
      case '<':
        return order < 0
      case '<=':
        return order <= 0
      case '>':
        return order > 0
      case '>=':
        return order >= 0
      case '==':
        return order === 0
      default:
        return order !== 0
    }
  })
}
