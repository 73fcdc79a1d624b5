/**
 * Notes which methods of the friendly layer the tests call on real daemons, and how they ended.
 *
 * `reach` of daemons.ts begins it. With LIBVIRT_TEST_CALLED=DIR each test process leaves its notes in DIR when it ends;
 * `every-method.ts` compares them with the methods that there are.
 */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import * as library from '../src/index.ts'

/** `answered`, or how it was refused, such as `VIR_ERR_NO_SUPPORT`. */
export type Outcome = string
export interface Note {
  /** Such as `Domain.info`. */
  method: string
  outcome: Outcome
  /** The driver, such as `test` or `qemu`. */
  driver: string
}

let recording = false

/** From now on; repeatable. */
export function recordMethods(): void {
  const folder = process.env.LIBVIRT_TEST_CALLED
  if (recording || folder === undefined) return
  recording = true
  const notes = new Set<string>()
  process.on('exit', () => appendFileSync(join(folder, `${process.pid}.ndjson`), [...notes].join('')))
  const note = (entry: Note) => notes.add(`${JSON.stringify(entry)}\n`)
  for (const [className, exported] of Object.entries(library)) {
    if (typeof exported !== 'function' || !/^class\s/.test(Function.prototype.toString.call(exported))) continue
    const prototype = exported.prototype as Record<string | symbol, unknown>
    for (const name of Reflect.ownKeys(prototype)) {
      const property = Object.getOwnPropertyDescriptor(prototype, name)
      if (name === 'constructor' || typeof property?.value !== 'function') continue
      const method = `${className}.${typeof name === 'symbol' ? `[${name.description}]` : name}`
      const inner = property.value as (...args: unknown[]) => unknown
      prototype[name] = function (this: object, ...args: unknown[]) {
        const ended = (outcome: Outcome) => note({ method, outcome, driver: driverOf(this) })
        const result = inner.apply(this, args)
        if (result instanceof Promise) {
          result.then(
            () => ended('answered'),
            (error: unknown) => ended(error instanceof library.LibvirtError ? error.codeName : 'failed'),
          )
        } else ended('answered')
        return result
      }
    }
  }
}

function driverOf(object: object): string {
  let at: unknown = object
  for (let depth = 0; depth < 4 && at !== null && typeof at === 'object'; depth++) {
    if (at instanceof library.Connection) return library.parseUri(at.uri).driver
    at = (at as { connection?: unknown; domain?: unknown }).connection ?? (at as { domain?: unknown }).domain
  }
  return '?'
}
