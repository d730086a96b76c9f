import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DEMO_PEOPLE } from '../../src/demo/setup.ts'
import { eventually } from './gateway-client.ts'
import { pamctlSignedIn, type PamctlHome } from './pamctl-client.ts'

export interface PamctlWithMemory extends PamctlHome {
  /** A snapshot of the heap of the agent as it is now, as text; once. */
  agentMemory(this: void): Promise<string>
}

/** Somebody who has signed in with a pamctl whose agent writes down its memory. */
export async function pamctlWithMemory(gateway: string, who: keyof typeof DEMO_PEOPLE): Promise<PamctlWithMemory> {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-heap-'))
  const pamctl = await pamctlSignedIn(gateway, who, {
    environment: { NODE_OPTIONS: `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${directory}` },
  })
  return {
    ...pamctl,
    async agentMemory() {
      const log = readFileSync(join(pamctl.home, 'agent.log'), 'utf8')
      process.kill(Number(/"pid":(\d+)[^\n]*"agent\.started"/.exec(log)?.[1]), 'SIGUSR2')
      try {
        return await eventually(() => {
          const [file] = readdirSync(directory).filter((name) => name.endsWith('.heapsnapshot'))
          const text = file === undefined ? '' : readFileSync(join(directory, file), 'utf8')
          return text.trimEnd().endsWith('}') ? text : undefined
        }, 'the memory of the agent')
      } finally {
        rmSync(directory, { recursive: true })
      }
    },
  }
}
