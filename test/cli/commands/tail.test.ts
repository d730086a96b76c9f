import { describe, expect, it } from 'vitest'
import { tail } from '../../../src/cli/commands/tail.ts'
import { PamError } from '../../../src/shared/errors.ts'
import { command } from '../../helpers/recordings.ts'
import { runVerb } from '../../helpers/verb.ts'

const line = (event: object) => `${JSON.stringify({ seq: 1, at: 'T', ms: 1500, ...event })}\n`
const EVENTS = [
  line(command('select 1')),
  line({ type: 'terminal', channel: '0', direction: 'out', data: Buffer.from('hello\r\n').toString('base64') }),
  line({ type: 'ended', code: 'CLIENT_LEFT', message: 'bye\u001b[2J' }),
]

describe('pamctl tail', () => {
  const gateway = { 'GET /v1/sessions/ses_1/tail': EVENTS.join('') }
  it('shows each event as people read it', async () => {
    const { stdout, code } = await runVerb([tail], ['tail', 'ses_1'], { gateway })
    expect(code).toBe(0)
    expect(stdout.split('\n')).toEqual([
      '    1.500s  select 1',
      '    1.500s  hello',
      '    1.500s  ended: bye\\u{1b}[2J (CLIENT_LEFT)',
      '',
    ])
  })

  it('passes on JSON as the gateway wrote it', async () => {
    expect((await runVerb([tail], ['tail', 'ses_1', '--json'], { gateway })).stdout).toBe(EVENTS.join(''))
  })

  it('follows sessions only, and those that the caller may see', async () => {
    expect(await runVerb([tail], ['tail', 'grt_1'])).toMatchObject({ code: 2, calls: [] })
    const closed = { 'GET /v1/sessions/ses_1/tail': new PamError('NOT_FOUND', 'no session ses_1') }
    expect(await runVerb([tail], ['tail', 'ses_1'], { gateway: closed })).toMatchObject({ code: 1, stdout: '' })
  })
})
