/** How a host reaches a volume, in the API's words. Source: cinder/volume/targets/iscsi.py, cinder/volume/manager.py */
import type { VolumeConnection } from '../../agent/contract.ts'
import type { VolumeId } from '../../ids.ts'

export function connectionData(
  volumeId: VolumeId,
  { connection, accessMode }: { connection: VolumeConnection; accessMode: 'rw' | 'ro' },
) {
  return {
    target_discovered: false,
    target_portal: connection.targetPortal,
    target_iqn: connection.targetIqn,
    target_lun: connection.targetLun,
    volume_id: volumeId,
    auth_method: 'CHAP',
    auth_username: connection.authUsername,
    auth_password: connection.authPassword,
    qos_specs: null,
    access_mode: accessMode,
    encrypted: false,
    cacheable: false,
  }
}
