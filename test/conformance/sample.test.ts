/** A few quick tests of each public suite whose package is here, against one emulator; `npm run conformance` runs them all. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { readExpected, readList, type Result } from './outcomes.ts'
import { SUITES } from './suites.ts'
import { openTestbed, type Testbed } from './testbed.ts'

const IDENTITY = 'openstackclient.tests.functional.identity.v3'
const SDK = 'openstack.tests.functional'
const NOVA = 'novaclient.tests.functional.v2.legacy.test_readonly_nova.SimpleReadOnlyNovaClientTest'
const SAMPLE: Readonly<Record<string, readonly string[]>> = {
  openstackclient: [
    `${IDENTITY}.test_catalog.CatalogTests.test_catalog_list`,
    `${IDENTITY}.test_token.TokenTests.test_token_issue`,
  ],
  openstacksdk: [
    `${SDK}.cloud.test_identity.TestIdentity.test_list_roles`,
    `${SDK}.cloud.test_identity.TestIdentity.test_grant_revoke_role_user_project`,
    `${SDK}.cloud.test_users.TestUsers.test_users_and_groups`,
    `${SDK}.cloud.test_project.TestProject.test_update_project`,
    `${SDK}.cloud.test_endpoints.TestEndpoints.test_update_endpoint`,
    `${SDK}.cloud.test_image.TestImage.test_download_image`,
    `${SDK}.image.v2.test_image.TestImage.test_get_images_schema`,
    `${SDK}.identity.v3.test_application_credential.TestApplicationCredentials.test_find_application_credential`,
  ],
  glanceclient: [
    'glanceclient.tests.functional.v2.test_readonly_glance.SimpleReadOnlyGlanceClientTest.test_list_v2',
    'glanceclient.tests.functional.v2.test_readonly_glance.SimpleReadOnlyGlanceClientTest.test_member_list_v2',
  ],
  novaclient: [`${NOVA}.test_admin_flavor_list`, `${NOVA}.test_admin_hypervisor_list`],
  cinderclient: ['cinderclient.tests.functional.test_readonly_cli.CinderClientReadOnlyTests.test_list'],
  neutronclient: [
    'neutronclient.tests.functional.core.test_readonly_neutron.SimpleReadOnlyNeutronClientTest.test_neutron_net_list',
  ],
}

const sampled = SUITES.flatMap((suite) => {
  const missing = suite.packages.filter(([, proof]) => !existsSync(proof)).map(([name]) => name)
  return SAMPLE[suite.name] === undefined ? [] : [{ suite, tests: SAMPLE[suite.name]!, missing }]
})
const nothingToDo = sampled.every(({ missing }) => missing.length > 0)

describe('a sample of public suites', {
  skip: nothingToDo && 'needs packages of clients, which have their tests',
}, () => {
  let dir: string
  let bed: Testbed
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'stratolith-sample-'))
    await chmod(dir, 0o711)
    bed = await openTestbed(dir)
  })
  after(async () => {
    await bed?.[Symbol.asyncDispose]()
    await rm(dir, { recursive: true, force: true })
  })

  for (const { suite, tests, missing } of sampled) {
    const skip = missing.length > 0 && `needs the packages ${missing.join(', ')}`
    it(`${suite.title} finds the cloud that it knows`, { skip }, async () => {
      const results = new Map<string, Result>()
      await suite.run(bed, {
        tests,
        concurrency: 1,
        onLine() {},
        onResult: (test, result) => results.set(test, result),
      })
      assert.deepEqual(
        tests.map((test) => [test, results.get(test)?.outcome, results.get(test)?.says]),
        tests.map((test) => [test, 'passed', '']),
      )
    })
  }
})

it('the sample is of tests that are listed and pass', () => {
  const failing = new Set(readExpected().map(({ test }) => test))
  for (const [suite, tests] of Object.entries(SAMPLE)) {
    const listed = new Set(readList(suite).map(({ test }) => test))
    for (const test of tests) assert.ok(listed.has(test) && !failing.has(test), test)
  }
})
