/** The states of a volume, and from which of them each deed may start. Source: cinder/volume/api.py, cinder/objects/fields.py */

export const VOLUME_STATES = [
  'creating',
  'available',
  'deleting',
  'error',
  'error_managing',
  'managing',
  'attaching',
  'in-use',
  'detaching',
  'maintenance',
  'restoring-backup',
  'error_restoring',
  'reserved',
  'awaiting-transfer',
  'backing-up',
  'error_backing-up',
  'error_deleting',
  'error_extending',
  'downloading',
  'uploading',
  'retyping',
  'extending',
] as const

export type VolumeStatus = (typeof VOLUME_STATES)[number]

/** From where a volume may begin to be deleted, unless it is forced. */
export const DELETABLE: readonly VolumeStatus[] = [
  'available',
  'error',
  'error_restoring',
  'error_extending',
  'error_managing',
]

/** A create is still under way. */
export const BEING_CREATED: readonly VolumeStatus[] = ['creating', 'downloading']

/** States that follow from who is attached, and so are set anew when somebody leaves. */
export const BY_ATTACHMENTS: readonly VolumeStatus[] = ['reserved', 'attaching', 'in-use', 'detaching', 'available']

/** May be reserved for a server. `downloading` is upstream's leave to reserve early; a connection waits for the data. */
export function reservable(multiattach: boolean): readonly VolumeStatus[] {
  return multiattach ? ['available', 'in-use'] : ['available']
}
