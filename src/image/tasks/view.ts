/** From a task to what a client reads. */
import { viewTime } from '../images/view.ts'
import type { Task } from './store.ts'

/** In a list. */
export function viewTaskBrief(task: Task) {
  return {
    id: task.id,
    type: task.type,
    status: task.status,
    owner: task.owner,
    created_at: viewTime(task.createdAt),
    updated_at: viewTime(task.updatedAt),
    ...(task.expiresAt !== null && { expires_at: viewTime(task.expiresAt) }),
    self: `/v2/tasks/${task.id}`,
    schema: '/v2/schemas/task',
  }
}

export function viewTask(task: Task) {
  return {
    ...viewTaskBrief(task),
    input: task.input,
    result: task.result,
    message: task.message,
    image_id: task.imageId,
    request_id: task.requestId,
    user_id: task.userId,
  }
}

/** Of one image: as the table has them, upstream shows these. */
export function viewTaskOfImage(task: Task) {
  const { self: _self, schema: _schema, ...view } = viewTask(task)
  const inFull = (time: Date) => time.toISOString().replace('Z', '000')
  return {
    ...view,
    created_at: inFull(task.createdAt),
    updated_at: inFull(task.updatedAt),
    expires_at: task.expiresAt === null ? null : inFull(task.expiresAt),
    deleted: false,
    deleted_at: null,
  }
}
