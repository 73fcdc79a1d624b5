import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { connect } from '@stratolith/libvirt'

const [file = '', poolName = 'default', uri = 'qemu:///system'] = process.argv.slice(2)
const { size } = await stat(file)
const name = basename(file).replace(/[&<]/g, (mark) => `&#${mark.charCodeAt(0)};`)

await using connection = await connect(uri)
const pool = await connection.storagePools.lookupByName(poolName)
const volume = await pool.createVolumeXml(
  `<volume><name>${name}</name><capacity>${size}</capacity><allocation>0</allocation></volume>`,
)
const { bytes, holeBytes } = await volume.uploadFrom(file, {
  onProgress: (done) => process.stderr.write(`\r${Math.floor((done.bytes / size) * 100)} %`),
})
console.log(`\n${await volume.path()}: ${bytes} bytes, of which ${holeBytes} are holes`)
