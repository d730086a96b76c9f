import { expect, it } from 'vitest'
import { announceHolds } from '../../src/gateway/announce-holds.ts'
import type { CommandDraft, Decision, Session, Verdict } from '../../src/gateway/engine.ts'
import type { TunnelFrame } from '../../src/tunnel/web-socket-channel.ts'

function bench(decision: (verdict: Promise<Verdict>, filed: Promise<boolean>) => Decision) {
  const frames: TunnelFrame[] = []
  let [file, settle] = [(_isFiled: boolean): void => {}, (_verdict: Verdict): void => {}]
  const filed = new Promise<boolean>((resolve) => (file = resolve))
  const verdict = new Promise<Verdict>((resolve) => (settle = resolve))
  const inner = { id: 'ses_1', decide: () => decision(verdict, filed) } as unknown as Session
  const session = announceHolds({ send: (frame) => void frames.push(frame) }, inner)
  const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  return { frames, session, file, settle, soon }
}
const hold = (verdict: Promise<Verdict>, filed: Promise<boolean>): Decision => ({
  type: 'hold',
  id: 'dec_1',
  approval: 'apr_1',
  waitsFor: '',
  notice: '',
  filed,
  verdict,
  withdraw() {},
})
const draft = {} as CommandDraft
const frame = (code: string) => ({ v: 1, type: 'notice', code, id: 'ses_1', approval: 'apr_1' })

it('says which approval a command waits for once there is one, and when it waits no longer', async () => {
  const { frames, session, file, settle, soon } = bench(hold)
  expect(session.decide(draft)).toMatchObject({ approval: 'apr_1' })
  await soon()
  expect(frames).toEqual([])
  file(true)
  await soon()
  expect(frames).toEqual([frame('HOLD_FILED')])
  settle({ type: 'forward', id: 'dec_1' })
  await soon()
  expect(frames).toEqual([frame('HOLD_FILED'), frame('HOLD_SETTLED')])
})

it('says nothing of what nobody was asked about', async () => {
  const withdrawn = bench(hold)
  withdrawn.session.decide(draft)
  withdrawn.file(false)
  withdrawn.settle({ type: 'forward', id: 'dec_1' })
  const allowed = bench(() => ({ type: 'forward', id: 'dec_1' }))
  expect(allowed.session.decide(draft)).toEqual({ type: 'forward', id: 'dec_1' })
  await withdrawn.soon()
  expect([...withdrawn.frames, ...allowed.frames]).toEqual([])
})
