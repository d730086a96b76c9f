import { describe, expect, it } from 'vitest'
import { ControlFrames } from '../../../../src/protocols/http/websocket/control-frames.ts'

const ping = (said: string) => ({ type: 'ping' as const, payload: Buffer.from(said, 'latin1') })
const pong = (said: string) => ({ type: 'pong' as const, payload: Buffer.from(said, 'latin1') })
const scrub = (bytes: Buffer): Buffer => Buffer.from(bytes.toString('latin1').replaceAll('SECRET', '******'), 'latin1')

describe('pings and pongs', () => {
  it('pass as they are where nothing is hidden', () => {
    const frames = new ControlFrames({ isMasking: false, scrub })
    expect(frames.fromTarget(ping('ab'))).toEqual(ping('ab'))
    expect(frames.fromClient(pong('ab'))).toEqual(pong('ab'))
    expect(frames.fromClient(ping('x'))).toEqual(ping('x'))
    expect(frames.fromTarget(pong('x'))).toEqual(pong('x'))
  })

  it.each([
    ['values are masked', true, 'jane@example.org'],
    ['it says what the gateway signs in with', false, 'SECRET'],
  ])('do not say what the target said where %s, and are answered with it', (_name, isMasking, said) => {
    const frames = new ControlFrames({ isMasking, scrub })
    const first = frames.fromTarget(ping('SECRET one'))
    const shown = frames.fromTarget(ping(said))
    expect(shown.payload.length).toBe(4)
    expect(shown.payload).not.toEqual(first.payload)
    expect(frames.fromClient({ type: 'pong', payload: shown.payload })).toEqual(pong(said))
    // Any other pong is one that nobody has asked for.
    expect(frames.fromClient(pong('abcd'))).toEqual(pong('abcd'))
    expect(frames.fromTarget(pong(said)).payload.length).toBe(0)
  })

  it('repeat to the client what it has said itself', () => {
    const frames = new ControlFrames({ isMasking: true, scrub })
    frames.fromClient(ping('mine'))
    expect(frames.fromTarget(pong('mine'))).toEqual(pong('mine'))
    expect(frames.fromTarget(pong('other')).payload.length).toBe(0)
  })
})
