/**
 * Which part of an image a download asks for. Source: get_range_from_request in glance/common/wsgi.py, ResponseSerializer
 * in glance/api/v2/image_data.py
 */
import { invalidQuery, rangeUnsatisfiable } from '../errors.ts'

export interface Range {
  readonly start: number
  /** Not included. */
  readonly end: number
}

/** @returns nothing where all is asked for. @throws DomainError `image.data.range` */
export function rangeOf(
  headers: { readonly range?: string | undefined; readonly 'content-range'?: string | undefined },
  sizeBytes: number,
): Range | undefined {
  if (headers.range !== undefined) return fromRange(headers.range, sizeBytes)
  if (headers['content-range'] !== undefined) return fromContentRange(headers['content-range'], sizeBytes)
  return undefined
}

function fromRange(text: string, size: number): Range {
  if (text.includes(',')) {
    throw invalidQuery(
      'Requests with multiple ranges are not supported. You may make multiple single-range requests instead.',
    )
  }
  const found = /^\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(text)
  const [first = '', last = ''] = found?.slice(1) ?? []
  if (found === null || (first === '' && last === '')) throw rangeUnsatisfiable('Invalid Range header.')
  if (first === '') {
    if (Number(last) === 0) throw rangeUnsatisfiable('Invalid Range header.')
    return { start: Math.max(0, size - Number(last)), end: size }
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) throw rangeUnsatisfiable('Invalid Range header.')
  if (start >= size) {
    throw rangeUnsatisfiable(
      `Invalid start position in Range header. Start position MUST be in the inclusive range [0, ${size - 1}].`,
    )
  }
  return { start, end: last === '' ? size : Math.min(size, Number(last) + 1) }
}

/** A header of answers; upstream takes it in questions too, since its own older clients send it. */
function fromContentRange(text: string, size: number): Range {
  const found = /^\s*bytes\s+(\d+)-(\d+)\/(\d+|\*)\s*$/i.exec(text)
  if (found === null) throw rangeUnsatisfiable('Invalid Content-Range header.')
  const start = Number(found[1])
  const end = Number(found[2]) + 1
  if (end <= start) throw rangeUnsatisfiable('Invalid Content-Range header.')
  if (end > size || start >= size) {
    throw rangeUnsatisfiable(
      `Invalid position in Content-Range header. It MUST be in the inclusive range [0, ${size - 1}].`,
    )
  }
  return { start, end }
}
