/**
 * libvirt's typed parameters as plain objects, by libvirt's own names.
 *
 * Reading: 64-bit values are bigint, whatever their size, so that a name always has one type. Writing: a number or a
 * bigint is sent as what the name wants; libvirt refuses a value of another type, so a name that is not known here has
 * to say its type itself, as `{ type: VIR_TYPED_PARAM_UINT, value: 5 }`.
 */
import { requestError } from './errors.ts'
import * as C from './generated/constants.ts'
import type { TypedParam, TypedParamValue } from './generated/types.ts'

/** A value as it is read; 64-bit ones are bigint. */
export type ParamValue = number | bigint | string | boolean
/** By libvirt's names, such as `vcpu_quota`. */
export type Params = Record<string, ParamValue>
/** To send. Absent and undefined are not sent; a list is sent as the same name several times. */
export type ParamsToSend = Record<
  string,
  ParamValue | TypedParamValue | readonly (ParamValue | TypedParamValue)[] | undefined
>
/** Names of libvirt's types of values: `llong` and `ullong` have 64 bits. */
export type ParamType = 'int' | 'uint' | 'llong' | 'ullong' | 'double' | 'boolean' | 'string'
/** What libvirt wants by name. */
export type ParamTypes = Readonly<Record<string, ParamType>>

type Sent<Type extends ParamType> = Type extends 'string'
  ? string | readonly string[]
  : Type extends 'boolean'
    ? boolean
    : Type extends 'llong' | 'ullong'
      ? number | bigint
      : number
/** Those of a table with their types, and by any other name what a newer libvirt knows. */
export type SendParams<Types extends ParamTypes> = {
  readonly [Name in keyof Types]?: Sent<Types[Name]> | TypedParamValue | undefined
} & ParamsToSend

/** A name that comes several times keeps its last value: `paramLists` keeps all. */
export function paramsOf(params: readonly TypedParam[]): Params {
  const values: Params = Object.create(null)
  for (const { field, value } of params) values[field] = plain(value)
  return values
}

/** Every value of every name, in the order of the daemon. */
export function paramLists(params: readonly TypedParam[]): Record<string, ParamValue[]> {
  const lists: Record<string, ParamValue[]> = Object.create(null)
  for (const { field, value } of params) {
    lists[field] ??= []
    lists[field].push(plain(value))
  }
  return lists
}

function plain(value: TypedParamValue): ParamValue {
  return value.type === C.VIR_TYPED_PARAM_BOOLEAN ? value.value !== 0 : value.value
}

/** @throws LibvirtError of origin `request` for a value that its name cannot have, or a number of an unknown name */
export function toParams(object: ParamsToSend, types: ParamTypes = {}): TypedParam[] {
  const params: TypedParam[] = []
  for (const [field, given] of Object.entries(object)) {
    if (given === undefined) continue
    const values = Array.isArray(given) ? (given as readonly (ParamValue | TypedParamValue)[]) : [given]
    for (const value of values) {
      params.push({ field, value: typed(field, value as ParamValue | TypedParamValue, types[field]) })
    }
  }
  return params
}

function typed(field: string, value: ParamValue | TypedParamValue, type: ParamType | undefined): TypedParamValue {
  if (typeof value === 'object') return value
  const bad = () => requestError(`the parameter ${field} cannot be ${String(value)}${type ? `: it is ${type}` : ''}`)
  const number = () => {
    if (typeof value !== 'number' && typeof value !== 'bigint') throw bad()
    return Number(value)
  }
  const small = (least: number, most: number) => {
    const given = number()
    if (!Number.isInteger(given) || given < least || given > most) throw bad()
    return given
  }
  const large = (least: bigint, most: bigint) => {
    if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) throw bad()
    const given = BigInt(value)
    if (given < least || given > most) throw bad()
    return given
  }
  switch (type ?? { string: 'string', boolean: 'boolean' }[typeof value as string]) {
    case 'string':
      if (typeof value !== 'string') throw bad()
      return { type: C.VIR_TYPED_PARAM_STRING, value }
    case 'boolean':
      if (typeof value !== 'boolean') throw bad()
      return { type: C.VIR_TYPED_PARAM_BOOLEAN, value: value ? 1 : 0 }
    case 'int':
      return { type: C.VIR_TYPED_PARAM_INT, value: small(-0x8000_0000, 0x7fff_ffff) }
    case 'uint':
      return { type: C.VIR_TYPED_PARAM_UINT, value: small(0, 0xffff_ffff) }
    case 'llong':
      return { type: C.VIR_TYPED_PARAM_LLONG, value: large(-(1n << 63n), (1n << 63n) - 1n) }
    case 'ullong':
      return { type: C.VIR_TYPED_PARAM_ULLONG, value: large(0n, (1n << 64n) - 1n) }
    case 'double':
      return { type: C.VIR_TYPED_PARAM_DOUBLE, value: number() }
    default:
      throw requestError(`the type of the parameter ${field} is not known here: say { type, value }`)
  }
}
