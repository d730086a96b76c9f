import { describe, expect, it } from 'vitest'
import type { MaskingPlan } from '../../../../../src/masking/plan.ts'
import { ownQueries } from '../../../../../src/protocols/postgres/gateway/pipeline/gateway-query.ts'
import { startRun } from '../../../../../src/protocols/postgres/gateway/pipeline/pending.ts'
import { ServerSide } from '../../../../../src/protocols/postgres/gateway/pipeline/server-side.ts'
import { parameterStatus } from '../../../../../src/protocols/postgres/wire/server-message.ts'
import { EMAIL_MASKED, HARMLESS, NOTHING_MASKED, testPipeline } from '../../../../helpers/postgres-pipeline.ts'

it('what a setting is for a query of the gateway stays from the client; what else changes meanwhile does not', () => {
  const { pipeline, toClient, ended } = testPipeline()
  const server = new ServerSide(pipeline)
  ownQueries(pipeline, ['select 1']).catch(() => {})
  server.push(parameterStatus('search_path', 'pg_catalog'))
  server.push(parameterStatus('in_hot_standby', 'off'))
  expect(Buffer.concat(toClient)).toEqual(parameterStatus('in_hot_standby', 'off'))
  const other = testPipeline()
  other.pipeline.expect({ type: 'query', run: startRun('dec_1', 'set search_path to a', HARMLESS) })
  new ServerSide(other.pipeline).push(parameterStatus('search_path', 'a'))
  expect(Buffer.concat(other.toClient)).toEqual(parameterStatus('search_path', 'a'))
  expect([ended.aborted, other.ended.aborted]).toEqual([false, false])
})

describe('an application_name that the server reports', () => {
  const report = (pinned: 'application_name'[], value: string) => {
    const { pipeline, toClient, ended } = testPipeline({
      settings: { application_name: '{person}', pinned },
      parameters: new Map([['application_name', 'jane']]),
    })
    new ServerSide(pipeline).push(parameterStatus('application_name', value))
    return { ended, toClient: Buffer.concat(toClient).toString() }
  }

  it('ends a session in which it is pinned and something changed it', () => {
    const { ended, toClient } = report(['application_name'], 'somebody')
    expect(ended.reason).toMatchObject({
      code: 'SETTING_REFUSED',
      message: expect.stringMatching(/^application_name is pinned/) as string,
    })
    expect(toClient).not.toContain('somebody')
  })

  it.each([
    ['as it is pinned', ['application_name'] as 'application_name'[], 'jane'],
    ['where it is a default', [], 'somebody'],
  ])('is passed on %s', (_, pinned, value) => {
    const { ended, toClient } = report(pinned, value)
    expect(ended.aborted).toBe(false)
    expect(toClient).toContain(`application_name\0${value}`)
  })
})

describe('a setting that code which nobody has read may have made of masked values', () => {
  const reported = (masking: MaskingPlan): string => {
    const { pipeline, toClient } = testPipeline({ masking })
    const server = new ServerSide(pipeline)
    server.push(parameterStatus('application_name', 'psql'))
    pipeline.ranUnread = true
    server.push(parameterStatus('application_name', 'jane@example.com'))
    server.push(parameterStatus('application_name', 'psql'))
    return Buffer.concat(toClient)
      .toString('latin1')
      .replaceAll(/S\0\0\0.application_name\0|\0/gs, ' ')
  }

  it('is not reported to the client, which is told what it was told before', () => {
    expect(reported(EMAIL_MASKED).match(/\S+/g)).toEqual(['psql', 'psql'])
    expect(reported(NOTHING_MASKED).match(/\S+/g)).toEqual(['psql', 'jane@example.com', 'psql'])
  })
})

it.each([
  ['ends, and the client is not told, where something made the next transactions read-write', true, 'off', true],
  ['goes on where they are read-only as before', true, 'on', false],
  ['goes on where it may write', false, 'off', false],
])('a session %s', (_, readOnly, value, ends) => {
  const { pipeline, toClient, ended } = testPipeline({ readOnly })
  const bytes = parameterStatus('default_transaction_read_only', value)
  new ServerSide(pipeline).push(bytes)
  expect(ended.aborted).toBe(ends)
  expect(Buffer.concat(toClient)).toEqual(ends ? Buffer.alloc(0) : bytes)
  if (ends) expect(ended.reason).toMatchObject({ code: 'SETTING_REFUSED' })
})
