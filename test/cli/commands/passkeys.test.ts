import { describe, expect, it } from 'vitest'
import { passkeys } from '../../../src/cli/commands/passkeys.ts'
import { ago, runVerb } from '../../helpers/verb.ts'

const PASSKEY = { id: 'pky_1', name: 'laptop\u0007', createdAt: ago(5) }

describe('pamctl passkeys', () => {
  it('lists yours, and where to register one', async () => {
    const gateway = { 'GET /v1/passkeys': { items: [PASSKEY] } }
    expect((await runVerb([passkeys], ['passkeys', 'list'], { gateway })).stdout).toBe(
      'pky_1\tlaptop\\u{7}\t5m ago\tnever\n',
    )
    const json = await runVerb([passkeys], ['passkeys', 'list', '--json'], { gateway })
    expect(JSON.parse(json.stdout)).toEqual([PASSKEY])
    const none = await runVerb([passkeys], ['passkeys', 'list'], { gateway: { 'GET /v1/passkeys': { items: [] } } })
    expect(none.stderr).toMatch(/you have no passkeys; to register one, open http\S+\/account/)
  })

  it('removes those of somebody, with a reason', async () => {
    const gateway = { 'POST /v1/passkeys/removal': { items: [PASSKEY] } }
    expect(await runVerb([passkeys], ['passkeys', 'remove', 'jane'], { gateway })).toMatchObject({ code: 2, calls: [] })
    const outcome = await runVerb([passkeys], ['passkeys', 'remove', 'jane', '--reason', 'lost it'], { gateway })
    expect(outcome.calls.at(-1)?.body).toEqual({ person: 'jane', reason: 'lost it' })
    expect(outcome.stderr).toBe('removed 1 passkey of jane\n')
  })
})
