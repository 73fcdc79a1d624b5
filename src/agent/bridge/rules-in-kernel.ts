/** Keeps the kernel's tables as a RuleSet says: small transactions while it changes, the whole when they differ. */
import type { Logger } from 'pino'
import { Batches, NONE_FAILED } from './batches.ts'
import { run } from './command.ts'
import type { GuestAccess } from './guest-access.ts'
import type { CloudNames } from './names.ts'
import { type Fragment, RuleSet } from './rule-set.ts'

type Update = readonly [key: string, fragment: Fragment | undefined]

export class RulesInKernel {
  readonly #names: CloudNames
  readonly #log: Logger
  readonly #rules: RuleSet
  readonly #batches: Batches<Update>
  /** The tables as the kernel listed them when they were known to be right; undefined since they changed. */
  #listing: string | undefined

  constructor(names: CloudNames, log: Logger, access?: GuestAccess) {
    this.#names = names
    this.#log = log
    this.#rules = new RuleSet(names, access)
    this.#batches = new Batches((updates) => this.#apply(updates))
  }

  get = (key: string): Fragment | undefined => this.#rules.get(key)

  /** Resolves when the kernel has it. What comes at the same time is one transaction. */
  put(key: string, fragment: Fragment | undefined): Promise<void> {
    return this.#batches.add([key, fragment])
  }

  /** The pieces are exactly these, and so are the kernel's tables, whatever was done to them. */
  async reconcile(fragments: ReadonlyMap<string, Fragment>): Promise<void> {
    const updates = new Map<string, Fragment | undefined>(fragments)
    for (const key of this.#rules.keys()) if (!fragments.has(key)) updates.set(key, undefined)
    const changes = this.#rules.change(updates)
    if (changes === '' && this.#listing !== undefined && (await this.#list()) === this.#listing) return
    if (changes === '' && this.#listing !== undefined)
      this.#log.warn({ table: this.#names.table }, 'somebody changed the rule set, putting it right')
    this.#listing = undefined
    await nft(this.#rules.whole())
    this.#listing = await this.#list()
  }

  async remove(): Promise<void> {
    this.#listing = undefined
    await nft(this.#rules.nothing())
  }

  async #apply(updates: readonly Update[]): Promise<ReadonlyMap<number, unknown>> {
    try {
      await this.#change(new Map(updates))
      return NONE_FAILED
    } catch (error) {
      if (updates.length === 1) throw error
    }
    // One of them cannot be, and must not keep the others from it.
    const failed = new Map<number, unknown>()
    for (const [index, update] of updates.entries())
      await this.#change(new Map([update])).catch((error) => failed.set(index, error))
    return failed
  }

  /** A change that the kernel refuses, because somebody else was at the tables, is tried as the whole. */
  async #change(updates: ReadonlyMap<string, Fragment | undefined>): Promise<void> {
    const before = new Map([...updates.keys()].map((key) => [key, this.#rules.get(key)]))
    const changes = this.#rules.change(updates)
    if (changes === '') return
    this.#listing = undefined
    try {
      await nft(changes)
    } catch (error) {
      this.#log.warn(
        { table: this.#names.table, err: error },
        'a change of the rule set was refused, replacing it whole',
      )
      try {
        await nft(this.#rules.whole())
      } catch (refused) {
        this.#rules.change(before)
        throw refused
      }
    }
  }

  /** Undefined when a table is missing. Without counters' values, which change by themselves. */
  async #list(): Promise<string | undefined> {
    try {
      const tables = ['bridge', 'inet'].map((family) => run('nft', ['-s', 'list', 'table', family, this.#names.table]))
      return (await Promise.all(tables)).join('\n')
    } catch (error) {
      this.#log.warn({ table: this.#names.table, err: error }, 'the rule set cannot be listed')
      return undefined
    }
  }
}

/** One transaction, whole or not at all. @throws CommandFailed */
export async function nft(text: string): Promise<void> {
  await run('nft', ['-f', '-'], text)
}
