/**
 * The files with which a TLS client shows who it is and knows who the daemon is.
 *
 * Root has them in /etc/pki; anybody else first looks in ~/.pki/libvirt, for each file by itself but for certificate
 * and key, which belong together. `pkipath` names one folder and nothing else is looked at.
 * Upstream: https://libvirt.org/kbase/tlscerts.html; src/rpc/virnettlscontext.c, virNetTLSContextLocateCredentials.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { connectionError } from '../errors.ts'

export interface PkiPlace {
  /** The one folder that has all files. */
  pkipath?: string | undefined
  /** Looks at the system's folders only. Default: whether this is root. */
  privileged?: boolean | undefined
  home?: string | undefined
  /** Default `/etc/pki`. */
  system?: string | undefined
}
export interface PemFile {
  path: string
  text: string
}
export interface Pki {
  ca: PemFile | undefined
  /** What the authority has revoked. */
  crl: PemFile | undefined
  client: { certificate: PemFile; key: PemFile } | undefined
  /** Every file that was not there or could not be read, with the reason, such as `/a/cacert.pem (ENOENT)`. */
  missing: { ca: string[]; client: string[] }
}

interface Candidate {
  ca: string
  crl: string
  certificate: string
  key: string
}
function candidates({ pkipath, privileged, home, system = '/etc/pki' }: PkiPlace): Candidate[] {
  const flat = (folder: string): Candidate => ({
    ca: join(folder, 'cacert.pem'),
    crl: join(folder, 'cacrl.pem'),
    certificate: join(folder, 'clientcert.pem'),
    key: join(folder, 'clientkey.pem'),
  })
  if (pkipath !== undefined) return [flat(pkipath)]
  const ofSystem: Candidate = {
    ca: join(system, 'CA/cacert.pem'),
    crl: join(system, 'CA/cacrl.pem'),
    certificate: join(system, 'libvirt/clientcert.pem'),
    key: join(system, 'libvirt/private/clientkey.pem'),
  }
  if (privileged ?? process.getuid?.() === 0) return [ofSystem]
  return [flat(join(home ?? homedir(), '.pki/libvirt')), ofSystem]
}

export async function readPki(place: PkiPlace): Promise<Pki> {
  const missing: Pki['missing'] = { ca: [], client: [] }
  const read = async (path: string, notes: string[]): Promise<PemFile | undefined> => {
    try {
      return { path, text: await readFile(path, 'utf8') }
    } catch (error) {
      notes.push(`${path} (${(error as NodeJS.ErrnoException).code})`)
      return undefined
    }
  }
  let ca: PemFile | undefined
  let crl: PemFile | undefined
  let client: Pki['client']
  for (const candidate of candidates(place)) {
    ca ??= await read(candidate.ca, missing.ca)
    crl ??= await readIfThere(candidate.crl)
    if (client !== undefined) continue
    const certificate = await read(candidate.certificate, missing.client)
    const key = await read(candidate.key, missing.client)
    if (certificate !== undefined && key !== undefined) client = { certificate, key }
  }
  return { ca, crl, client, missing }
}

/** A list of revoked certificates that is there but cannot be read must not count as an empty one. */
async function readIfThere(path: string): Promise<PemFile | undefined> {
  try {
    return { path, text: await readFile(path, 'utf8') }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw connectionError(`cannot read ${path}: ${message}`, error)
  }
}

/**
 * Finds here what the daemon would otherwise refuse without a word: certificates out of date, of another authority, or
 * with another key. `no_sanity` leaves it out.
 * @throws LibvirtError that names the file
 */
export function checkPki({ ca, client }: Pki): void {
  const authorities = ca === undefined ? [] : certificatesOf(ca)
  if (ca !== undefined) {
    if (authorities.length === 0) throw bad(ca, 'holds no certificate')
    for (const authority of authorities) {
      checkDates(ca, authority)
      if (!authority.ca) throw bad(ca, `is not the certificate of an authority: ${authority.subject}`)
    }
  }
  if (client === undefined) return
  const [certificate] = certificatesOf(client.certificate)
  if (certificate === undefined) throw bad(client.certificate, 'holds no certificate')
  checkDates(client.certificate, certificate)
  const key = attempt(client.key, () => createPrivateKey(client.key.text))
  if (!certificate.checkPrivateKey(key)) throw bad(client.key, `is not the key of ${client.certificate.path}`)
  const issued = authorities.some(
    (authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
  )
  if (ca !== undefined && !issued) throw bad(client.certificate, `was not issued by the authority in ${ca.path}`)
}

function certificatesOf(file: PemFile): X509Certificate[] {
  const blocks = file.text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  return attempt(file, () => blocks.map((block) => new X509Certificate(block)))
}
function checkDates(file: PemFile, { validFromDate, validToDate }: X509Certificate): void {
  const now = new Date()
  if (now < validFromDate) throw bad(file, `is not valid before ${validFromDate.toISOString()}`)
  if (now > validToDate) throw bad(file, `has expired at ${validToDate.toISOString()}`)
}
function attempt<T>(file: PemFile, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw bad(file, `cannot be read as PEM: ${(error as Error).message}`, error)
  }
}
function bad(file: PemFile, what: string, cause?: unknown) {
  return connectionError(`${file.path} ${what}`, cause)
}
