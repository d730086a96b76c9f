import { describe, expect, it } from 'vitest'
import type { Hold, Verdict } from '../../src/gateway/engine.ts'
import { PendingHold } from '../../src/gateway/pending-hold.ts'
import { PamError } from '../../src/shared/errors.ts'

const FORWARD: Verdict = { type: 'forward', id: 'cmd_1' }
const WITHDRAWN: Verdict = { type: 'refuse', id: 'cmd_1', error: new PamError('HOLD_WITHDRAWN', 'withdrawn') }

/** A held command, and how it is decided on. */
function held() {
  let decide: (verdict: Verdict) => void = () => {}
  const verdict = new Promise<Verdict>((resolve) => {
    decide = resolve
  })
  const hold: Hold = {
    type: 'hold',
    id: 'cmd_1',
    approval: 'apr_1',
    waitsFor: '',
    notice: '',
    filed: Promise.resolve(true),
    verdict,
    withdraw: () => decide(WITHDRAWN),
  }
  return { hold, decide }
}

/** Waits as the loop of a connection does. */
async function performed(pending: PendingHold, hold: Hold, tell: () => void = () => {}): Promise<Verdict> {
  const steps = pending.verdict(hold, tell)
  for (let next = steps.next(); ; next = steps.next(await next.value)) if (next.done === true) return next.value
}

describe('a command that waits for a person', () => {
  it('gives the verdict, having told the client once people were asked', async () => {
    const { hold, decide } = held()
    let file: (isFiled: boolean) => void = () => {}
    const filed = new Promise<boolean>((resolve) => {
      file = resolve
    })
    const told: string[] = []
    const verdict = performed(new PendingHold(), { ...hold, filed }, () => told.push('waits'))
    await Promise.resolve()
    expect(told).toEqual([])
    file(true)
    await filed
    expect(told).toEqual(['waits'])
    decide(FORWARD)
    await expect(verdict).resolves.toBe(FORWARD)
  })

  it('tells nothing where it is settled before anybody was asked', async () => {
    const { hold, decide } = held()
    const told: string[] = []
    decide(FORWARD)
    const pending = performed(new PendingHold(), { ...hold, filed: Promise.resolve(false) }, () => told.push('waits'))
    await expect(pending).resolves.toBe(FORWARD)
    expect(told).toEqual([])
  })

  it('is withdrawn where the client cannot be told', async () => {
    const { hold } = held()
    const failing = performed(new PendingHold(), hold, () => {
      throw new Error('no room')
    })
    await expect(failing).rejects.toThrow('no room')
    await expect(hold.verdict).resolves.toBe(WITHDRAWN)
  })

  it('is withdrawn when the client cancels it', async () => {
    const { hold } = held()
    const pending = new PendingHold()
    const verdict = performed(pending, hold)
    expect(pending.withdraw()).toBe(true)
    await expect(verdict).resolves.toBe(WITHDRAWN)
    expect(pending.hasLeft).toBe(false)
  })

  it('is withdrawn when the client leaves', async () => {
    const { hold } = held()
    const pending = new PendingHold()
    const verdict = performed(pending, hold)
    pending.leave()
    await expect(verdict).resolves.toBe(WITHDRAWN)
    expect(pending.hasLeft).toBe(true)
  })

  it('is withdrawn at once when the client left before it was held', async () => {
    const pending = new PendingHold()
    pending.leave()
    await expect(performed(pending, held().hold)).resolves.toBe(WITHDRAWN)
  })

  it('is withdrawn when telling the client shows that it has left', async () => {
    const pending = new PendingHold()
    await expect(performed(pending, held().hold, () => pending.leave())).resolves.toBe(WITHDRAWN)
  })

  it('leaves nothing to cancel once it is decided, or where its steps are given up', async () => {
    const pending = new PendingHold()
    expect(pending.withdraw()).toBe(false)
    const { hold, decide } = held()
    decide(FORWARD)
    await performed(pending, hold)
    expect(pending.withdraw()).toBe(false)
    const steps = pending.verdict(held().hold, () => {})
    steps.next()
    steps.return(WITHDRAWN)
    expect(pending.withdraw()).toBe(false)
  })
})
