import { Command } from 'commander'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Run } from '../../../src/cli/command.ts'
import { eraseDetached, keep } from '../../../src/cli/commands/keep.ts'
import type { CliContext } from '../../../src/cli/context.ts'

let calls: unknown[][]
let notes: string[]

beforeEach(() => {
  calls = []
  notes = []
})

async function pamctl(...args: string[]): Promise<void> {
  const sessions = {
    legalHold: (...given: unknown[]) => {
      calls.push(['legalHold', ...given])
      return Promise.resolve({ session: given[0] })
    },
    eraseDetached: (...given: unknown[]) => {
      calls.push(['eraseDetached', ...given])
      return Promise.resolve({})
    },
  }
  const context = {
    io: { note: (text: string) => void notes.push(text) },
    client: () => Promise.resolve({ sessions }),
  } as unknown as CliContext
  const run: Run =
    (work) =>
    (...given) =>
      work(context, ...given)
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  for (const add of [keep, eraseDetached]) add(program, run)
  await program.parseAsync(args, { from: 'user' })
}

describe('pamctl keep', () => {
  it('holds a recording, with a reason, and lifts the hold', async () => {
    await pamctl('keep', 'ses_77aa', '--reason', 'case 12')
    await pamctl('keep', 'ses_77aa', '--lift')
    expect(calls).toEqual([
      ['legalHold', 'ses_77aa', 'case 12', true],
      ['legalHold', 'ses_77aa', '', false],
    ])
    expect(notes).toEqual(['ses_77aa is kept until the hold is lifted', 'ses_77aa follows the retention rules again'])
  })

  it('needs the id of a session', async () => {
    await expect(pamctl('keep', 'grt_1')).rejects.toThrow()
    expect(calls).toEqual([])
  })
})

describe('pamctl erase-detached', () => {
  it.each(['erase-detached', 'erase-texts'])('erases as %s', async (verb) => {
    await pamctl(verb, 'ses_77aa', '--reason', 'asked for')
    expect(calls).toEqual([['eraseDetached', 'ses_77aa', 'asked for']])
    expect(notes).toEqual(['erased the detached texts of ses_77aa'])
  })
})
