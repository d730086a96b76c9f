import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { AgentEvent, HoldEvent } from '../../../src/agent/control-messages.ts'
import type { Target } from '../../../src/api/schemas/access.ts'
import type { Review } from '../../../src/api/schemas/review.ts'
import type { JobOutput } from '../../../src/cli/held/job.ts'
import { runCommand } from '../../../src/cli/held/run-command.ts'

const target = { name: 'web-1', type: 'ssh', accounts: ['app'] } as unknown as Target
const HOLD: HoldEvent = { target: 'web-1', session: 'ses_1', approval: 'apr_1', state: 'filed' }

interface Course {
  readonly script: string
  /** What the agent says once the command has printed something. */
  readonly hold?: HoldEvent
  readonly event?: AgentEvent
  /** Called once, when something is passed on. */
  readonly passed?: () => void
  /** What becomes of the approval. */
  readonly state?: Review['state']
}

/** A program of this machine in place of ssh, and an agent that says what it is told to. */
async function run({ script, hold, event, passed = () => {}, state = 'used' }: Course) {
  const printed: string[] = []
  const heldFor: string[] = []
  let isHeld = false
  let release = (): void => {}
  const released = new Promise<void>((resolve) => (release = resolve))
  const review = (): Review =>
    ({ id: 'apr_1', kind: 'command', target: 'web-1', state: isHeld ? state : 'pending', status: state }) as Review
  const listeners: { hold?: (hold: HoldEvent) => void; event?: (event: AgentEvent) => void } = {}
  const outcome = runCommand(
    { type: 'command', target: 'web-1', program: 'sh', args: ['-c', script] },
    {
      api: { reviews: { get: () => Promise.resolve(review()) } } as never,
      agent: {
        onHold: (listener) => void (listeners.hold = listener),
        onEvent: (listener) => void (listeners.event = listener),
        onClose() {},
      },
      target,
      listener: { host: '127.0.0.1', port: 1 },
      login: [],
      environment: process.env,
      held({ id }) {
        heldFor.push(id)
        isHeld = true
        if (event !== undefined) listeners.event?.(event)
        release()
      },
      decided() {},
      pass({ stream, bytes }: JobOutput) {
        if (printed.length === 0) passed()
        printed.push(`${stream}: ${Buffer.from(bytes).toString()}`)
        return Promise.resolve()
      },
      signal: new AbortController().signal,
    },
  )
  if (hold !== undefined) {
    listeners.hold?.(hold)
    await Promise.race([released, outcome])
  }
  const text = (base64: string): string => Buffer.from(base64, 'base64').toString()
  const result = await outcome.then(
    ({ stdout, stderr, ...rest }) => ({ ...rest, stdout: text(stdout), stderr: text(stderr) }),
    (error: unknown) => error,
  )
  return { result, printed, heldFor }
}

describe('a command in a process of its own', () => {
  it('that is not held is printed as it runs, and ends as it ends', async () => {
    const { result, printed, heldFor } = await run({ script: 'echo pam: hello >&2; echo out; exit 3' })
    expect([printed.toSorted(), heldFor]).toEqual([['stderr: pam: hello\n', 'stdout: out\n'], []])
    expect(result).toEqual({ exitCode: 3, stdout: 'out\n', stderr: 'pam: hello\n', truncated: false })
  })

  it('that is held prints nothing here, and everything is kept', async () => {
    const { result, printed, heldFor } = await run({ script: 'echo pam: held >&2; echo out', hold: HOLD })
    expect([printed, heldFor]).toEqual([[], ['apr_1']])
    expect(result).toEqual({ exitCode: 0, stdout: 'out\n', stderr: 'pam: held\n', truncated: false })
  })

  it.each([
    ['denied', 'HOLD_DENIED'],
    ['expired', 'HOLD_EXPIRED'],
    ['withdrawn', 'HOLD_WITHDRAWN'],
    ['pending', 'HOLD_WITHDRAWN'],
    ['void', 'APPROVAL_VOID'],
  ] as const)('whose approval is %s did not run, whatever its client ended with', async (state, code) => {
    const { result } = await run({ script: 'exit 126', hold: HOLD, state })
    expect(result).toMatchObject({ code, id: 'apr_1' })
  })

  it('whose connection was ended from outside has no result', async () => {
    const event: AgentEvent = { target: 'web-1', message: 'you signed out', kind: 'told', code: 'NOT_SIGNED_IN' }
    const { result } = await run({ script: 'exit 255', hold: HOLD, event })
    expect(result).toMatchObject({ code: 'NOT_SIGNED_IN' })
    const ahead: AgentEvent = { target: 'web-1', message: 'ends in five minutes', kind: 'ahead' }
    expect((await run({ script: 'true', hold: HOLD, event: ahead })).result).toMatchObject({ exitCode: 0 })
  })

  it('does not keep back more of what is said in the words of the gateway than the gateway says', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
    const gate = join(directory, 'gate')
    execFileSync('mkfifo', [gate])
    // It ends once some of it was passed on.
    const script = `echo pam: held >&2; head -c 20000 /dev/zero >&2; read go <'${gate}'; exit 3`
    const { result, printed } = await run({ script, passed: () => void writeFile(gate, 'go\n') })
    rmSync(directory, { recursive: true })
    expect(printed.join('').length).toBeGreaterThan(20_000)
    expect(result).toMatchObject({ exitCode: 3 })
  })

  it('waits for nothing that the command says of itself', async () => {
    const script = 'echo "pam: exec needs approval by sre; request apr_0000000000000 sent, waiting up to 5m" >&2'
    const { result, printed, heldFor } = await run({ script })
    expect([heldFor, printed.length, result]).toEqual([[], 1, expect.objectContaining({ exitCode: 0 })])
  })
})
