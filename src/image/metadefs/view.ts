/** From definitions to what a client reads. What was never set is left out. */
import { viewTime } from '../images/view.ts'
import type { Association, Item, Namespace } from './store.ts'

export function viewNamespace(namespace: Namespace, associations: readonly Association[] = []) {
  return {
    namespace: namespace.namespace,
    ...(namespace.displayName !== null && { display_name: namespace.displayName }),
    ...(namespace.description !== null && { description: namespace.description }),
    visibility: namespace.visibility,
    protected: namespace.protected,
    owner: namespace.owner,
    created_at: viewTime(namespace.createdAt),
    updated_at: viewTime(namespace.updatedAt),
    ...(associations.length > 0 && { resource_type_associations: associations.map(viewAssociation) }),
    self: `/v2/metadefs/namespaces/${namespace.namespace}`,
    schema: '/v2/schemas/metadefs/namespace',
  }
}

export interface NamespaceContents {
  readonly associations: readonly Association[]
  readonly objects: readonly Item[]
  readonly properties: readonly Item[]
  readonly tags: readonly Item[]
}

/** With all that it holds; names of properties begin with `prefix`, as one resource type wants them. */
export function viewWholeNamespace(namespace: Namespace, contents: NamespaceContents, prefix = '') {
  const { associations, objects, properties, tags } = contents
  return {
    ...viewNamespace(namespace, associations),
    ...(objects.length > 0 && { objects: objects.map((item) => viewObject(namespace.namespace, item, prefix)) }),
    ...(properties.length > 0 && { properties: viewProperties(properties, prefix) }),
    ...(tags.length > 0 && { tags: tags.map(({ name }) => ({ name })) }),
  }
}

export function viewObject(namespace: string, { name, content, createdAt, updatedAt }: Item, prefix = '') {
  const { properties = {}, required, ...rest } = content as { properties?: object; required?: string[] }
  return {
    name,
    ...rest,
    ...(required !== undefined && { required: required.map((each) => prefix + each) }),
    properties: Object.fromEntries(Object.entries(properties).map(([each, definition]) => [prefix + each, definition])),
    created_at: viewTime(createdAt),
    updated_at: viewTime(updatedAt),
    self: `/v2/metadefs/namespaces/${namespace}/objects/${name}`,
    schema: '/v2/schemas/metadefs/object',
  }
}

export function viewProperty({ name, content }: Item) {
  return { name, ...content }
}

export function viewProperties(properties: readonly Item[], prefix = '') {
  return Object.fromEntries(properties.map(({ name, content }) => [prefix + name, content]))
}

export function viewTag({ name, createdAt, updatedAt }: Item) {
  return { name, created_at: viewTime(createdAt), updated_at: viewTime(updatedAt) }
}

export function viewAssociation({ name, prefix, propertiesTarget, createdAt, updatedAt }: Association) {
  return {
    name,
    ...(prefix !== null && { prefix }),
    ...(propertiesTarget !== null && { properties_target: propertiesTarget }),
    created_at: viewTime(createdAt),
    updated_at: viewTime(updatedAt),
  }
}
