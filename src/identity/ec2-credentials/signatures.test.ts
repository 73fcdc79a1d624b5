import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { describe, it } from 'node:test'
import { ec2Signature, ec2SignatureMatches, s3SignatureMatches } from './signatures.ts'

const EMPTY_HASH = createHash('sha256').update('').digest('hex')

describe('signatures of requests', () => {
  // AWS's own example, "Example 1: simple GET request with parameters" of the signature version 4 guide's test suite.
  it('of version 4 are those of AWS’s published example', () => {
    const request = {
      verb: 'GET',
      host: 'iam.amazonaws.com',
      path: '/',
      params: { Action: 'ListUsers', Version: '2010-05-08' },
      headers: {
        'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8',
        Host: 'iam.amazonaws.com',
        'X-Amz-Date': '20150830T123600Z',
        Authorization:
          'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, ' +
          'SignedHeaders=content-type;host;x-amz-date, Signature=ignored-here',
      },
      bodyHash: EMPTY_HASH,
    }
    const secret = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
    const signature = '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7'
    assert.equal(ec2Signature(secret, request), signature)
    assert.ok(ec2SignatureMatches(secret, request, signature))
    assert.ok(!ec2SignatureMatches(`${secret}x`, request, signature))
    assert.ok(!ec2SignatureMatches(secret, { ...request, path: '/other' }, signature))
    assert.ok(!ec2SignatureMatches(secret, { ...request, params: { Action: 'DeleteUser' } }, signature))
  })

  // AWS's example of signature version 2: DescribeJobFlows.
  it('of version 2 are those of AWS’s published example', () => {
    const request = {
      verb: 'GET',
      host: 'elasticmapreduce.amazonaws.com',
      path: '/',
      params: {
        Action: 'DescribeJobFlows',
        Version: '2009-03-31',
        AWSAccessKeyId: 'AKIAIOSFODNN7EXAMPLE',
        SignatureVersion: '2',
        SignatureMethod: 'HmacSHA256',
        Timestamp: '2011-10-03T15:19:30',
      },
      headers: {},
      bodyHash: '',
    }
    const signature = 'i91nKc4PWAt0JJIdXwz9HxZCJDdiy6cf/Mj6vPxyYIs='
    assert.equal(ec2Signature('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', request), signature)
    const withPort = { ...request, host: `${request.host}:8773` }
    assert.ok(ec2SignatureMatches('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', withPort, signature))
  })

  it('of older versions, or incomplete, are none', () => {
    const request = { verb: 'GET', host: 'here', path: '/', params: {}, headers: {}, bodyHash: '' }
    assert.equal(ec2Signature('secret', request), undefined)
    for (const SignatureVersion of ['0', '1', '3']) {
      assert.equal(ec2Signature('secret', { ...request, params: { SignatureVersion } }), undefined)
    }
    for (const Authorization of [
      'AWS4-HMAC-SHA256 Credential=a/20150830/r/s/aws4_request',
      'AWS4-HMAC-SHA256 Credential=a/20150830, SignedHeaders=host',
      'AWS4-HMAC-SHA256 Credential=a/20160830/r/s/aws4_request, SignedHeaders=host',
    ]) {
      const headers = { Authorization, 'X-Amz-Date': '20150830T123600Z' }
      assert.equal(ec2Signature('secret', { ...request, headers }), undefined, Authorization)
    }
  })

  it('of S3 are over the string that the client signed', () => {
    const old = Buffer.from('GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/bucket/key')
    const oldSignature = createHmac('sha1', 'secret').update(old).digest('base64')
    assert.ok(s3SignatureMatches('secret', old, oldSignature))
    assert.ok(!s3SignatureMatches('other', old, oldSignature))

    const signed = Buffer.from(`AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/r/s3/aws4_request\n${EMPTY_HASH}`)
    const chain = ['20150830', 'r', 's3', 'aws4_request'].reduce<Buffer>(
      (key, part) => createHmac('sha256', key).update(part).digest(),
      Buffer.from('AWS4secret'),
    )
    const signature = createHmac('sha256', chain).update(signed).digest('hex')
    assert.ok(s3SignatureMatches('secret', signed, signature))
    assert.ok(!s3SignatureMatches('secret', Buffer.from(signed.toString().replace('/s3/', '/ec2/')), signature))
    assert.ok(!s3SignatureMatches('secret', Buffer.from('AWS4-HMAC-SHA256\nshort'), signature))
  })
})
