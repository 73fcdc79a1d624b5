import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readShownTargets } from './shown-targets.ts'

const SHOWN = `Target 7: iqn.2010-10.org.openstack:volume-a
    System information:
        Driver: iscsi
        State: ready
    I_T nexus information:
        I_T nexus: 3
            Initiator: iqn.1993-08.org.debian:01:host-a alias: none
            Connection: 0
                IP Address: 127.0.0.1
    LUN information:
        LUN: 0
            Type: controller
            SCSI ID: IET     00070000
            SCSI SN: beaf70
            Size: 0 MB, Block size: 1
            Online: Yes
            Backing store type: null
            Backing store path: None
            Backing store flags: 
        LUN: 1
            Type: disk
            SCSI ID: IET     00070001
            Size: 1074 MB, Block size: 512
            Online: No
            Backing store path: /volumes/a.raw
            Backing store flags: 
    Account information:
        alice
        bob (outgoing)
    ACL information:
        iqn.1993-08.org.debian:01:host-a
Target 9: iqn.2010-10.org.openstack:volume-b
    System information:
        Driver: iscsi
        State: ready
    I_T nexus information:
    LUN information:
    Account information:
    ACL information:
`

describe('the targets that tgtd shows', () => {
  it('are read with their sessions, LUNs, accounts and initiators', () => {
    assert.deepEqual(readShownTargets(SHOWN)[0], {
      tid: 7,
      iqn: 'iqn.2010-10.org.openstack:volume-a',
      sessions: [{ sid: 3n, initiator: 'iqn.1993-08.org.debian:01:host-a', connections: [0] }],
      luns: [
        { lun: 0, isOnline: true, path: 'None' },
        { lun: 1, isOnline: false, path: '/volumes/a.raw' },
      ],
      accounts: ['alice'],
      initiators: ['iqn.1993-08.org.debian:01:host-a'],
    })
  })

  it('may be empty', () => {
    assert.deepEqual(readShownTargets(SHOWN)[1], {
      tid: 9,
      iqn: 'iqn.2010-10.org.openstack:volume-b',
      sessions: [],
      luns: [],
      accounts: [],
      initiators: [],
    })
    assert.deepEqual(readShownTargets(''), [])
  })
})
