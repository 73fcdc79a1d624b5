/** A lean HTTP client for measuring: kept-alive connections, whole bodies read, nothing parsed unless asked. */
import { Agent, request } from 'node:http'

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 })

export async function send(
  base: string,
  method: string,
  path: string,
  headers: Record<string, string> = {},
  body?: unknown,
): Promise<Reply> {
  const payload = body === undefined ? undefined : JSON.stringify(body)
  return await new Promise((resolve, reject) => {
    const outgoing = request(
      base + path,
      {
        method,
        agent,
        headers: {
          ...headers,
          ...(payload !== undefined && {
            'content-type': 'application/json',
            'content-length': String(Buffer.byteLength(payload)),
          }),
        },
      },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text: Buffer.concat(chunks).toString(),
          }),
        )
        incoming.on('error', reject)
      },
    )
    outgoing.on('error', reject)
    outgoing.end(payload)
  })
}

/** Runs `work` `total` times with `inFlight` at once; answers how many a second. Throws at the first failure. */
export async function rate(total: number, inFlight: number, work: (index: number) => Promise<void>): Promise<number> {
  let next = 0
  const began = performance.now()
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      while (next < total) await work(next++)
    }),
  )
  return total / ((performance.now() - began) / 1000)
}

/** Median time of one call in ms, one after the other, after some to warm up. */
export async function medianMs(times: number, work: () => Promise<void>): Promise<number> {
  for (let warm = 0; warm < Math.min(20, times); warm++) await work()
  const took: number[] = []
  for (let each = 0; each < times; each++) {
    const began = performance.now()
    await work()
    took.push(performance.now() - began)
  }
  return took.sort((a, b) => a - b)[Math.floor(times / 2)]!
}
