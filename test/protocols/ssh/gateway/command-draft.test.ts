import { describe, expect, it } from 'vitest'
import type { Session } from '../../../../src/gateway/engine.ts'
import { withoutSecrets } from '../../../../src/host/without-secrets.ts'
import { draftOf, type HostCommand } from '../../../../src/protocols/ssh/gateway/command-draft.ts'
import { PamError } from '../../../../src/shared/errors.ts'

const session = {
  masking: { columns: [], kinds: [] },
  commitment: (value: string) => `#${value.length}`,
} as unknown as Session
const JWT = `eyJhbGciOiJIUzI1NiJ9.${'a'.repeat(20)}.${'b'.repeat(20)}`

describe('what is not kept of a command', () => {
  it.each([
    ['ls -l', 'ls -l'],
    ['PGPASSWORD=hunter2 psql', 'PGPASSWORD=<secret #7> psql'],
    ["PGPASSWORD='hunter2' psql", "PGPASSWORD='<secret #7>' psql"],
    ['mysql --password hunter2 db', 'mysql --password <secret #7> db'],
    ['curl -H "Authorization: Bearer abc.def" x', 'curl -H "Authorization: Bearer <secret #7>" x'],
    ['psql postgres://app:hunter2@db/x', 'psql postgres://app:<secret #7>@db/x'],
    ['{"api_key": "k1"}', '{"api_key": "<secret #2>"}'],
    ['token=a; secret=b', 'token=<secret #1>; secret=<secret #1>'],
    [`echo ${JWT}`, `echo <secret #${JWT.length}>`],
    [`token=${JWT}`, `token=<secret #${JWT.length}>`],
    ['http://host:80/x', 'http://host:80/x'],
    ['passwd', 'passwd'],
  ])('%s', (text, kept) => {
    expect(withoutSecrets(text, session)).toBe(kept)
  })

  it('values of masked kinds of the session go, too', () => {
    const masking = {
      columns: [],
      kinds: [{ kind: 'email', style: 'redact', hashScope: 'session' }],
    } as unknown as Session['masking']
    expect(withoutSecrets('mail jane@example.com', { ...session, masking })).toBe('mail <secret #16>')
  })
})

describe('a command of a host', () => {
  const command: HostCommand = {
    text: 'echo ‹forged› token=x',
    facts: { type: 'shell', statements: [] } as never,
    context: { cwd: '/' },
    notes: ['a note'],
  }
  it('is judged as it is, and kept without secrets and forged marks', () => {
    const draft = draftOf(command, session)
    expect(draft).toMatchObject({
      text: command.text,
      facts: command.facts,
      context: command.context,
      recorded: { text: 'echo ‹U+2039›forged‹U+203A› token=<secret #1>', parameters: [] },
      refusal: undefined,
      inTransaction: false,
    })
    expect(draft.notes()).toEqual(['a note'])
  })

  it('is looked at again where it was held', async () => {
    const refusal = new PamError('COMMAND_REFUSED', 'no')
    const draft = draftOf(command, session, () => Promise.resolve({ ...command, text: 'ls', refusal }))
    expect(await draft.again()).toMatchObject({ text: 'ls', refusal })
    expect(await draftOf(command, session).again()).toMatchObject({ text: command.text })
  })
})
