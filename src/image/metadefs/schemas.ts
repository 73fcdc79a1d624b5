/**
 * Definitions of metadata, as published at `/v2/schemas/metadefs/*` and as bodies are checked with. Upstream shares parts
 * by reference; here they are written out. Source: glance/api/v2/metadef_*.py
 */
import type { TSchema } from 'typebox'

const text = (description: string, maxLength?: number) => ({
  type: 'string',
  description,
  ...(maxLength !== undefined && { maxLength }),
})
const name = { type: 'string', minLength: 1, maxLength: 80 }
const readOnlyTime = (description: string) => ({ ...text(description), format: 'date-time', readOnly: true })
const readOnlyText = { type: 'string', readOnly: true }
const count = { type: 'integer', minimum: 0 }
const texts = { type: 'array', items: { type: 'string' }, uniqueItems: true }
const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string', null]

const DEFINITION_PROPERTIES = {
  name,
  title: { type: 'string' },
  description: { type: 'string' },
  operators: { type: 'array', items: { type: 'string' } },
  type: { type: 'string', enum: TYPES },
  required: texts,
  minimum: { type: 'number' },
  maximum: { type: 'number' },
  maxLength: count,
  minLength: count,
  pattern: { type: 'string' },
  enum: { type: 'array' },
  readonly: { type: 'boolean' },
  default: {},
  items: {
    type: 'object',
    properties: { type: { type: 'string', enum: TYPES }, enum: { type: 'array' } },
    additionalProperties: false,
  },
  maxItems: count,
  minItems: count,
  uniqueItems: { type: 'boolean', default: false },
  additionalItems: { type: 'boolean' },
}

/** One property where its name stands outside. */
const UNNAMED_DEFINITION = {
  type: 'object',
  properties: DEFINITION_PROPERTIES,
  required: ['title', 'type'],
  additionalProperties: false,
}
const DEFINITIONS = { type: 'object', propertyNames: name, additionalProperties: UNNAMED_DEFINITION }

export const PROPERTY_DOCUMENT = {
  name: 'property',
  properties: DEFINITION_PROPERTIES,
  required: ['type', 'title', 'name'],
  additionalProperties: false,
}

export const OBJECT_DOCUMENT = {
  name: 'object',
  properties: {
    name,
    description: { type: 'string' },
    required: texts,
    properties: DEFINITIONS,
    schema: readOnlyText,
    self: readOnlyText,
    created_at: readOnlyTime('Date and time of object creation'),
    updated_at: readOnlyTime('Date and time of the last object modification'),
  },
  required: ['name'],
  additionalProperties: false,
}

export const TAG_DOCUMENT = {
  name: 'tag',
  properties: {
    name,
    created_at: readOnlyTime('Date and time of tag creation'),
    updated_at: readOnlyTime('Date and time of the last tag modification'),
  },
  required: ['name'],
  additionalProperties: false,
}

export const ASSOCIATION_DOCUMENT = {
  name: 'resource_type_association',
  properties: {
    name: {
      ...text(
        'Resource type names should be aligned with Heat resource types whenever possible: https://docs.openstack.org/heat/latest/template_guide/openstack.html',
        80,
      ),
      minLength: 1,
    },
    prefix: text(
      'Specifies the prefix to use for the given resource type. Any properties in the namespace should be prefixed with this prefix when being applied to the specified resource type. Must include prefix separator (e.g. a colon :).',
      80,
    ),
    properties_target: text(
      'Some resource types allow more than one key / value pair per instance.  For example, Cinder allows user and image metadata on volumes. Only the image properties metadata is evaluated by Nova (scheduling or drivers). This property allows a namespace target to remove the ambiguity.',
      80,
    ),
    created_at: readOnlyTime('Date and time of resource type association'),
    updated_at: readOnlyTime('Date and time of the last resource type association modification'),
  },
  required: ['name'],
  additionalProperties: false,
}

const nested = ({ properties, required }: { properties: object; required: string[] }) => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})

export const NAMESPACE_DOCUMENT = {
  name: 'namespace',
  properties: {
    namespace: { ...text('The unique namespace text.', 80), minLength: 1 },
    display_name: text('The user friendly name for the namespace. Used by UI if available.', 80),
    description: text('Provides a user friendly description of the namespace.', 500),
    visibility: { ...text('Scope of namespace accessibility.'), enum: ['public', 'private'] },
    protected: { type: 'boolean', description: 'If true, namespace will not be deletable.' },
    owner: text('Owner of the namespace.', 255),
    created_at: readOnlyTime('Date and time of namespace creation'),
    updated_at: readOnlyTime('Date and time of the last namespace modification'),
    schema: readOnlyText,
    self: readOnlyText,
    resource_type_associations: { type: 'array', items: nested(ASSOCIATION_DOCUMENT) },
    properties: DEFINITIONS,
    objects: { type: 'array', items: nested(OBJECT_DOCUMENT) },
    tags: { type: 'array', items: nested(TAG_DOCUMENT) },
  },
  required: ['namespace'],
  additionalProperties: false,
}

const collection = (name: string, item: object) => ({
  name,
  properties: {
    [name]: { type: 'array', items: item },
    first: { type: 'string' },
    next: { type: 'string' },
    schema: { type: 'string' },
  },
  links: [
    { rel: 'first', href: '{first}' },
    { rel: 'next', href: '{next}' },
    { rel: 'describedby', href: '{schema}' },
  ],
})

/** By the last part of their path below `/v2/schemas/metadefs/`. */
export const METADEF_DOCUMENTS = {
  namespace: NAMESPACE_DOCUMENT,
  namespaces: collection('namespaces', NAMESPACE_DOCUMENT),
  object: OBJECT_DOCUMENT,
  objects: collection('objects', OBJECT_DOCUMENT),
  property: PROPERTY_DOCUMENT,
  properties: {
    ...collection('properties', PROPERTY_DOCUMENT),
    properties: {
      properties: { type: 'object', additionalProperties: UNNAMED_DEFINITION },
      schema: { type: 'string' },
    },
  },
  resource_type: ASSOCIATION_DOCUMENT,
  resource_types: collection('resource_type_associations', ASSOCIATION_DOCUMENT),
  tag: TAG_DOCUMENT,
  tags: collection('tags', TAG_DOCUMENT),
}

const body = (document: object) => ({ ...document, type: 'object' }) as unknown as TSchema

export const NamespaceBody = body(NAMESPACE_DOCUMENT)
export const ObjectBody = body(OBJECT_DOCUMENT)
export const PropertyBody = body(PROPERTY_DOCUMENT)
export const TagBody = body(TAG_DOCUMENT)
export const AssociationBody = body(ASSOCIATION_DOCUMENT)
export const TagsBody = body({
  properties: { tags: { type: 'array', items: nested(TAG_DOCUMENT) } },
  required: ['tags'],
  additionalProperties: false,
})
