/** Tasks, as published at `/v2/schemas/task`. Source: _TASK_SCHEMA in glance/api/v2/tasks.py */
const text = (description: string) => ({ type: 'string', description })

export const TASK_DOCUMENT = {
  name: 'task',
  properties: {
    id: {
      ...text('An identifier for the task'),
      pattern: '^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$',
    },
    type: {
      ...text('The type of task represented by this content'),
      enum: ['import', 'api_image_import', 'location_import'],
    },
    status: { ...text('The current status of this task'), enum: ['pending', 'processing', 'success', 'failure'] },
    input: { type: ['null', 'object'], description: 'The parameters required by task, JSON blob' },
    result: { type: ['null', 'object'], description: 'The result of current task, JSON blob' },
    owner: text('An identifier for the owner of this task'),
    message: text('Human-readable informative message only included when appropriate (usually on failure)'),
    image_id: text('Image associated with the task'),
    request_id: text('Human-readable informative request-id'),
    user_id: text('User associated with the task'),
    expires_at: {
      type: ['null', 'string'],
      description: 'Datetime when this resource would be subject to removal',
    },
    created_at: text('Datetime when this resource was created'),
    updated_at: text('Datetime when this resource was updated'),
    self: { type: 'string', readOnly: true },
    schema: { type: 'string', readOnly: true },
  },
} as const

/** In a list a task is told in brief. */
const BRIEF = ['id', 'type', 'status', 'owner', 'expires_at', 'created_at', 'updated_at', 'self', 'schema']

export const TASKS_DOCUMENT = {
  name: 'tasks',
  properties: {
    tasks: {
      type: 'array',
      items: {
        name: 'task',
        properties: Object.fromEntries(
          Object.entries(TASK_DOCUMENT.properties).filter(([name]) => BRIEF.includes(name)),
        ),
      },
    },
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
