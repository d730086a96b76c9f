import { existsSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import {
  isRetired,
  parseTrustedKeys,
  verifyRecording,
  type TrustedKey,
  type Verification,
} from '../../recording/verify.ts'
import { UsageError } from '../../shared/errors.ts'
import { fileProblem } from '../../shared/file-problem.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'
import { identityOption, openRecord, readIdentities, recordFile } from '../record-source.ts'

interface VerifyOptions {
  readonly key: string
  readonly identity?: string
  readonly json?: boolean
}

/** `pamctl verify FILE… --key FILE`: whether records are what the gateway wrote. Files need no gateway. */
export const verify: AddCommand = (program, run) => {
  program
    .command('verify <files...>')
    .description("verify recordings offline with the gateway's public keys")
    .requiredOption('--key <file>', 'public keys of the gateway (gateway.pub)')
    .addOption(identityOption())
    .addOption(jsonOption())
    .action(run(verifyFiles))
}

async function verifyFiles(context: CliContext, files: readonly string[], options: VerifyOptions): Promise<void> {
  const { io } = context
  const keys = readKeys(options.key)
  const reader = await readIdentities(options.identity)
  const results: { file: string; result: Verification }[] = []
  for (const file of files) {
    const isFile = existsSync(file)
    const source = isFile ? recordFile(file) : await openRecord(context, file, 'verified')
    const result = underItsName(file, isFile, await verifyRecording(source, keys, reader))
    results.push({ file, result })
    if (options.json !== true) io.print(`${file}: ${describeVerification(result)}${retiredKeyNote(result, keys)}`)
  }
  if (options.json === true) io.json(results.map(({ file, result }) => ({ file, ...result })))
  const codes = new Set(results.map(({ result }) => exitOf(result)))
  const worst = WORST_FIRST.find((code) => codes.has(code))
  if (worst !== undefined) throw new Exit(worst)
}

/** What a script asks: 0 whole, 8 closed by a later start, 9 the end is missing or not to be trusted, 1 not genuine. */
function exitOf(result: Verification): number {
  switch (result.status) {
    case 'sealed':
      return 0
    case 'recovered':
      return result.tail === 'whole' ? 8 : 9
    case 'open':
      return 9
    case 'invalid':
      return 1
  }
}

/**
 * A genuine record under the name of another session is not the record of that session. A file names its session in full, whatever
 * stands around it; the gateway is asked by the beginning of an id as well.
 */
function underItsName(asked: string, isFile: boolean, result: Verification): Verification {
  const { session } = result
  if (session === undefined) return result
  const names = isFile ? (basename(asked).match(/(?<![0-9a-z])ses_[0-9a-z]*/gi) ?? []) : [asked]
  const named = names.find((name) => (isFile ? name !== session : !session.startsWith(name)))
  if (named === undefined) return result
  return {
    status: 'invalid',
    session,
    segment: 0,
    reason: `is of session ${session}, but the file is named after ${named}`,
  }
}

/** A retired key that was stolen can sign a record dated back: only the chain shows that there was no such record. */
function retiredKeyNote(result: Verification, keys: readonly TrustedKey[]): string {
  if (result.status !== 'sealed' && result.status !== 'recovered') return ''
  return isRetired(keys, result.key)
    ? '; its key is retired: "pamctl audit verify --recordings" shows whether the gateway sealed it'
    : ''
}

const WORST_FIRST = [1, 9, 8]

export function describeVerification(result: Verification): string {
  const what = `${result.session ?? 'no session'}, ${'events' in result ? result.events : 0} events`
  const hidden =
    'hidden' in result && result.hidden > 0
      ? `; ${result.hidden} of them are encrypted: seals valid, contents unchecked (use --identity)`
      : ''
  switch (result.status) {
    case 'sealed':
      return `valid: ${what}, sealed ${result.at} with key ${result.key}${hidden}`
    case 'recovered':
      return `recovered: ${what}; ${TAILS[result.tail ?? 'whole']}${hidden}`
    case 'open':
      return `not sealed: ${what}; the session is open, or the gateway was stopped, or the end was cut off${hidden}`
    case 'invalid': {
      return `INVALID: segment ${result.segment}${describeEvents(result)} ${result.reason}`
    }
  }
}

/** Which events do not hold, where it can be told. */
function describeEvents({
  event,
  lastEvent = event,
}: {
  readonly event?: number
  readonly lastEvent?: number
}): string {
  if (event === undefined) return ''
  return event === lastEvent ? `, event ${event},` : `, events ${event} to ${lastEvent},`
}

const TAILS = {
  whole: 'closed by a later start after the gateway was stopped, with everything that it had put on record',
  short: 'closed by a later start; events are missing at its end (power loss or tampering)',
  altered:
    'closed by a later start, and what the gateway left was ALTERED: events after the last one here may be missing',
} as const

/** A file may hold several keys, one after the other. */
export function readKeys(file: string): TrustedKey[] {
  try {
    const keys = parseTrustedKeys(readFileSync(file, 'utf8'))
    if (keys.length === 0) throw new Error('no public key in it')
    return keys
  } catch (error) {
    throw new UsageError(`--key: ${fileProblem(file, error)}`, 'expected a PEM file such as gateway.pub')
  }
}
