/** Members, as published at `/v2/schemas/member`. Source: _MEMBER_SCHEMA in glance/api/v2/image_members.py */
export const MEMBER_STATUSES = ['pending', 'accepted', 'rejected'] as const
export type MemberStatus = (typeof MEMBER_STATUSES)[number]

const MEMBER_PROPERTIES = {
  member_id: { type: 'string', description: 'An identifier for the image member (tenantId)' },
  image_id: {
    type: 'string',
    description: 'An identifier for the image',
    pattern: '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$',
  },
  created_at: { type: 'string', description: 'Date and time of image member creation' },
  updated_at: { type: 'string', description: 'Date and time of last modification of image member' },
  status: { type: 'string', description: 'The status of this image member', enum: MEMBER_STATUSES },
  schema: { type: 'string', readOnly: true },
} as const

export const MEMBER_DOCUMENT = { name: 'member', properties: MEMBER_PROPERTIES } as const

export const MEMBERS_DOCUMENT = {
  name: 'members',
  properties: { members: { type: 'array', items: MEMBER_DOCUMENT }, schema: { type: 'string' } },
  links: [{ rel: 'describedby', href: '{schema}' }],
} as const
