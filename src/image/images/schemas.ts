/**
 * The image, once: this JSON schema is published at `/v2/schemas/image`, and it is also what bodies are checked with.
 * Source: get_base_properties in glance/api/v2/images.py, etc/schema-image.json.
 */
import type { TSchema } from 'typebox'

const ID_PATTERN = '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$'

export const CONTAINER_FORMATS = ['ami', 'ari', 'aki', 'bare', 'ovf', 'ova', 'docker', 'compressed'] as const
export const DISK_FORMATS = ['ami', 'ari', 'aki', 'vhd', 'vhdx', 'vmdk', 'raw', 'qcow2', 'vdi', 'iso', 'ploop'] as const

const readOnly = <T extends object>(schema: T) => ({ ...schema, readOnly: true as const })
const text = (description: string, maxLength?: number) => ({
  type: 'string',
  description,
  ...(maxLength !== undefined && { maxLength }),
})
const textOrNull = (description: string, maxLength: number) => ({ type: ['null', 'string'], description, maxLength })

/** Properties that every image has, or may have by this service's own doing. */
export const BASE_PROPERTIES = {
  id: { type: 'string', description: 'An identifier for the image', pattern: ID_PATTERN },
  name: textOrNull('Descriptive name for the image', 255),
  status: readOnly({
    type: 'string',
    description: 'Status of the image',
    enum: [
      'queued',
      'saving',
      'active',
      'killed',
      'deleted',
      'uploading',
      'importing',
      'pending_delete',
      'deactivated',
    ],
  }),
  visibility: {
    type: 'string',
    description: 'Scope of image accessibility',
    enum: ['community', 'public', 'private', 'shared'],
  },
  protected: { type: 'boolean', description: 'If true, image will not be deletable.' },
  os_hidden: { type: 'boolean', description: 'If true, image will not appear in default image list response.' },
  checksum: readOnly(textOrNull('md5 hash of image contents.', 32)),
  os_hash_algo: readOnly(textOrNull('Algorithm to calculate the os_hash_value', 64)),
  os_hash_value: readOnly(
    textOrNull('Hexdigest of the image contents using the algorithm specified by the os_hash_algo', 128),
  ),
  owner: textOrNull('Owner of the image', 255),
  size: readOnly({ type: ['null', 'integer'], description: 'Size of image file in bytes' }),
  virtual_size: readOnly({ type: ['null', 'integer'], description: 'Virtual size of image in bytes' }),
  container_format: {
    type: ['null', 'string'],
    description: 'Format of the container',
    enum: [null, ...CONTAINER_FORMATS],
  },
  disk_format: { type: ['null', 'string'], description: 'Format of the disk', enum: [null, ...DISK_FORMATS] },
  created_at: readOnly(text('Date and time of image registration')),
  updated_at: readOnly(text('Date and time of the last image modification')),
  tags: {
    type: 'array',
    description: 'List of strings related to the image',
    items: { type: 'string', maxLength: 255 },
  },
  direct_url: readOnly(text('URL to access the image file kept in external store')),
  min_ram: { type: 'integer', description: 'Amount of ram (in MB) required to boot image.' },
  min_disk: { type: 'integer', description: 'Amount of disk space (in GB) required to boot image.' },
  self: readOnly(text('An image self url')),
  file: readOnly(text('An image file url')),
  stores: readOnly(
    text(
      'Store in which image data resides.  Only present when the operator has enabled multiple stores.  May be a comma-separated list of store identifiers.',
    ),
  ),
  schema: readOnly(text('An image schema url')),
  locations: {
    type: 'array',
    description: 'A set of URLs to access the image file kept in external store',
    items: {
      type: 'object',
      required: ['url', 'metadata'],
      properties: {
        url: { type: 'string', maxLength: 255 },
        metadata: { type: 'object' },
        validation_data: {
          description:
            "Values to be used to populate the corresponding image properties. If the image status is not 'queued', values must exactly match those already contained in the image properties.",
          type: 'object',
          writeOnly: true,
          additionalProperties: false,
          required: ['os_hash_algo', 'os_hash_value'],
          properties: {
            checksum: { type: 'string', minLength: 32, maxLength: 32 },
            os_hash_algo: { type: 'string', maxLength: 64 },
            os_hash_value: { type: 'string', maxLength: 128 },
          },
        },
      },
    },
  },
} as const

const wellKnown = (schema: object) => ({ ...schema, is_base: false })
const KEYS_GUIDE = 'https://docs.openstack.org/python-glanceclient/latest/cli/property-keys.html'

/** Properties that an image need not have, but whose meaning is agreed. */
export const WELL_KNOWN_PROPERTIES = {
  kernel_id: wellKnown({
    type: ['null', 'string'],
    pattern: ID_PATTERN,
    description: 'ID of image stored in Glance that should be used as the kernel when booting an AMI-style image.',
  }),
  ramdisk_id: wellKnown({
    type: ['null', 'string'],
    pattern: ID_PATTERN,
    description: 'ID of image stored in Glance that should be used as the ramdisk when booting an AMI-style image.',
  }),
  instance_uuid: wellKnown(
    text(
      'Metadata which can be used to record which instance this image is associated with. (Informational only, does not create an instance snapshot.)',
    ),
  ),
  architecture: wellKnown(text(`Operating system architecture as specified in ${KEYS_GUIDE}`)),
  os_distro: wellKnown(text(`Common name of operating system distribution as specified in ${KEYS_GUIDE}`)),
  os_version: wellKnown(text('Operating system version as specified by the distributor.')),
  description: wellKnown(text('A human-readable string describing this image.')),
  cinder_encryption_key_id: wellKnown(
    text(
      'Identifier in the OpenStack Key Management Service for the encryption key for the Block Storage Service to use when mounting a volume created from this image',
    ),
  ),
  cinder_encryption_key_deletion_policy: wellKnown({
    type: 'string',
    enum: ['on_image_deletion', 'do_not_delete'],
    description:
      "States the condition under which the Image Service will delete the object associated with the 'cinder_encryption_key_id' image property.  If this property is missing, the Image Service will take no action",
  }),
} as const

export const IMAGE_DOCUMENT = {
  name: 'image',
  properties: { ...BASE_PROPERTIES, ...WELL_KNOWN_PROPERTIES },
  additionalProperties: { type: 'string' },
  links: [
    { rel: 'self', href: '{self}' },
    { rel: 'enclosure', href: '{file}' },
    { rel: 'describedby', href: '{schema}' },
  ],
} as const

/** What is checked is what is published; a body is an object besides. */
export const ImageBody = { ...IMAGE_DOCUMENT, type: 'object' } as unknown as TSchema

export const IMAGES_DOCUMENT = collectionDocument('images', IMAGE_DOCUMENT)

/** A paged collection as glance describes it. */
function collectionDocument(name: string, item: object) {
  return {
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
  } as const
}
