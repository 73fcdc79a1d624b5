/** How bytes reach a daemon. What a URI can name comes with this package; anything else that is a Duplex will do. */
import type { Duplex } from 'node:stream'

/** A way to one daemon. `ConnectOptions.transport` takes any. */
export interface Transport {
  /** For error messages, such as `unix:/run/libvirt/libvirt-sock`. */
  readonly description: string
  /** Nobody on the way can read it. */
  readonly encrypted?: boolean
  /** It does not leave the host. */
  readonly local?: boolean
  /** Opens one byte stream, ready for the first packet. Called again for each reconnect. */
  open(signal: AbortSignal): Promise<Duplex>
}
