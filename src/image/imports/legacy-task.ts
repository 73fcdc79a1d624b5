/**
 * What a client may say of a task of the type `import`: how images were fetched before imports were, and upstream still
 * takes it from admins. Source: create in glance/api/v2/tasks.py, validate_location_uri in glance/common/scripts/utils.py
 */
import { invalidBody } from '../errors.ts'

export interface LegacyImport {
  readonly uri: string
  /** As in the body of a new image. */
  readonly image: Readonly<Record<string, unknown>>
  /** As it came, for the task. */
  readonly input: Readonly<Record<string, unknown>>
}

const INPUT = ['import_from', 'import_from_format', 'image_properties'] as const
/** What an image is where nothing is said of it. */
const UNSAID = { disk_format: 'qcow2', container_format: 'bare' }

/** @throws DomainError invalid, `image.body.invalid` */
export function readLegacyImport(body: unknown): LegacyImport {
  if (body === undefined || body === null) throw invalidBody('Body expected in request.')
  const { type, input } = body as { type?: unknown; input?: unknown }
  for (const [name, value] of [['type', type] as const, ['input', input] as const]) {
    if (value === undefined) throw invalidBody(`Task '${name}' is required`)
  }
  if (type !== 'import') {
    throw invalidBody(
      "Tasks of the type 'import' alone are made by hand: an image is imported with POST /v2/images/{image_id}/import.",
    )
  }
  if (!isObject(input)) throw invalidBody("'input' must be an object.")
  const missing = INPUT.find((name) => input[name] === undefined)
  if (missing !== undefined) throw invalidBody(`Input does not contain '${missing}' field`)
  const foreign = Object.keys(input).find((name) => !(INPUT as readonly string[]).includes(name))
  if (foreign !== undefined) throw invalidBody(`'${foreign.slice(0, 64)}' has no meaning in the input of an import.`)
  const { import_from: uri, import_from_format: format, image_properties: said } = input
  if (typeof uri !== 'string' || uri === '') throw invalidBody(`Invalid location: ${JSON.stringify(uri).slice(0, 64)}`)
  if (/^file(system)?:/i.test(uri)) {
    throw invalidBody('File based imports are not allowed. Please use a non-local source of image data.')
  }
  if (!isObject(said)) throw invalidBody("'image_properties' must be an object.")
  const image: Record<string, unknown> = Object.keys(said).length === 0 ? UNSAID : said
  for (const name of ['disk_format', 'container_format']) {
    if (typeof image[name] !== 'string') throw invalidBody(`'image_properties' must name the ${name}.`)
  }
  if (format !== image.disk_format) {
    throw invalidBody("Images are not converted here: 'import_from_format' must be the image's disk_format.")
  }
  return { uri, image, input }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
