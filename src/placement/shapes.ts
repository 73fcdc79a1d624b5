/** Shapes that several requests of placement share. Source: placement/schemas/common.py */
import Type from 'typebox'

export const MAX_INT = 0x7fffffff

export const UUID_PATTERN = '^[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}$'
export const uuid = Type.String({ pattern: UUID_PATTERN })
/** A UUID as the key of an object, which upstream wants with its dashes. */
export const uuidKey = Type.String({
  pattern: '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$',
})
export const className = Type.String({ pattern: '^[A-Z0-9_]+$', maxLength: 255 })
export const customName = Type.String({ pattern: '^CUSTOM_[A-Z0-9_]+$', maxLength: 255 })
export const generation = Type.Integer()
