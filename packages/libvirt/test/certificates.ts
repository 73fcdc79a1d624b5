/** An authority and certificates of its own, made by openssl in a moment, for one test. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Issued {
  certificate: string
  key: string
}
export interface Subject {
  name: string
  /** Such as `IP:127.0.0.1,DNS:localhost`. */
  alternatives?: string
  /** Of validity, from now; less than nothing makes one that has expired. */
  days?: number
}

export class Authority implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'libvirt-ca-'))
  readonly certificate = join(this.folder, 'ca.pem')
  readonly #key = join(this.folder, 'ca.key')
  #count = 0

  static unavailable(): string | false {
    return spawnSync('openssl', ['version']).status === 0 ? false : 'there is no openssl here'
  }

  constructor(name = 'test authority') {
    const wanted = ['-x509', '-days', '2', '-subj', `/CN=${name}`, '-keyout', this.#key, '-out', this.certificate]
    openssl('req', ...newKey, ...wanted, '-addext', 'keyUsage=critical,keyCertSign,cRLSign')
  }

  /** Paths of a certificate and its key. */
  issue({ name, alternatives, days = 2 }: Subject): Issued {
    const base = join(this.folder, `${this.#count++}`)
    const made = { certificate: `${base}.pem`, key: `${base}.key` }
    openssl('req', ...newKey, '-subj', `/CN=${name}`, '-keyout', made.key, '-out', `${base}.csr`)
    writeFileSync(`${base}.ext`, alternatives === undefined ? '' : `subjectAltName=${alternatives}\n`)
    const signed = ['-CA', this.certificate, '-CAkey', this.#key, '-set_serial', String(this.#count + 1)]
    const dates = ['-days', String(days)]
    openssl(
      'x509',
      '-req',
      '-in',
      `${base}.csr`,
      ...signed,
      ...dates,
      '-extfile',
      `${base}.ext`,
      '-out',
      made.certificate,
    )
    return made
  }

  /** The path of a list that revokes it. */
  revoke({ certificate }: Issued): string {
    const base = join(this.folder, `${this.#count++}`)
    writeFileSync(`${base}.index`, '')
    const config = ['[ca]', 'default_ca=here', '[here]', `database=${base}.index`, 'default_md=sha256']
    writeFileSync(`${base}.cnf`, `${config.join('\n')}\n`)
    const ca = ['ca', '-config', `${base}.cnf`, '-cert', this.certificate, '-keyfile', this.#key]
    openssl(...ca, '-revoke', certificate)
    openssl(...ca, '-gencrl', '-crldays', '2', '-out', `${base}.crl`)
    return `${base}.crl`
  }

  /** A folder as `pkipath` names one. */
  pki(client: Issued | undefined, authority: Authority = this): string {
    const folder = join(this.folder, `pki-${this.#count++}`)
    mkdirSync(folder)
    writeFileSync(join(folder, 'cacert.pem'), readFileSync(authority.certificate))
    if (client !== undefined) {
      writeFileSync(join(folder, 'clientcert.pem'), readFileSync(client.certificate))
      writeFileSync(join(folder, 'clientkey.pem'), readFileSync(client.key))
    }
    return folder
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
