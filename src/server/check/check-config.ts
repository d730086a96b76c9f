import Table from 'cli-table3'
import { asPamError } from '../../shared/errors.ts'
import { trustedIssuers } from '../api-settings.ts'
import { samlClients } from '../saml-clients.ts'
import { checkConnections, type ConnectResult } from './check-connect.ts'
import { checkReadings, type TargetReading } from './check-readings.ts'
import { checkPolicy, type PolicyTestResult } from './check-policy.ts'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load-config.ts'
import { closeProtocols, createProtocols } from '../protocols.ts'

export interface CheckOptions {
  /** Tries targets, issuers, certificates, homes and the store as well. */
  readonly connect: boolean
  readonly json: boolean
}

/**
 * `pam-gateway check`: whether the configuration is valid, what its tests say, and with `connect` whether what it names can be
 * reached. Exit codes: 0 all is well, 1 a test or a connection failed, 2 the configuration is not valid.
 */
export async function check(file: string, { connect, json }: CheckOptions): Promise<void> {
  let config: Config
  try {
    config = loadConfig(file)
  } catch (error) {
    const problem = asPamError(error)
    if (!json || problem.code !== 'CONFIG_INVALID') throw error
    writeJson({ valid: false, errors: problem.message.split('\n').map(toProblem), warnings: [] })
    process.exitCode = 2
    return
  }
  const protocols = await createProtocols(config, { firstUse: NO_FIRST_USE })
  const tests = await checkPolicy(config.tests, config.policy, config.targets, protocols)
  const connections = connect
    ? await checkConnections(config, {
        protocols,
        issuers: trustedIssuers(config, undefined),
        saml: samlClients(config),
      })
    : undefined
  await closeProtocols(protocols)
  const readings = checkReadings(config.targets, config.policy)
  if (tests.some(({ passed }) => !passed) || connections?.some(({ state }) => state === 'failed') === true)
    process.exitCode = 1
  if (json) {
    const { warnings } = config
    return writeJson({
      valid: true,
      errors: [],
      warnings: warnings.map(toProblem),
      tests,
      readings,
      ...(connections && { connections }),
    })
  }
  for (const warning of config.warnings) process.stderr.write(`pam-gateway: warning: ${warning}\n`)
  const { access, commands, masking } = config.policy
  process.stdout.write(
    `${file} is valid: ${counted(config.targets.length, 'target')}, ${counted(access.length, 'access rule')}, ${counted(commands.length, 'command rule')}, ${counted(masking.length, 'masking rule')}\n`,
  )
  showReadings(readings)
  if (tests.length > 0) showTests(tests)
  if (connections !== undefined) showConnections(connections)
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

function showReadings(readings: readonly TargetReading[]): void {
  for (const { target, reading, because, so } of readings)
    process.stdout.write(`target ${target}: reading: ${reading} (${because}): ${so}\n`)
}

function showTests(tests: readonly PolicyTestResult[]): void {
  const table = new Table({
    head: ['', 'GIVEN', 'TARGET', 'EXPECTED', 'VERDICT', 'RULE'],
    style: { head: [], border: [] },
  })
  for (const { passed, given, target, expected, verdict, rule } of tests)
    table.push([passed ? 'ok' : 'FAILED', given, target, expected, verdict, rule])
  process.stdout.write(`${table.toString()}\n`)
  const passed = tests.filter((test) => test.passed).length
  process.stdout.write(`${passed} of ${counted(tests.length, 'test')} passed\n`)
}

function showConnections(connections: readonly ConnectResult[]): void {
  for (const { what, state, detail } of connections) process.stdout.write(`${STATES[state]} ${what}: ${detail}\n`)
  const failed = connections.filter(({ state }) => state === 'failed').length
  if (failed > 0)
    process.stdout.write(`the file is valid, but ${failed} of ${counted(connections.length, 'connection')} failed\n`)
}

const STATES = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' } as const

/** `pam.yaml:7:3: access.0.name: …`, taken apart; a problem of a file as a whole has no line. */
function toProblem(line: string): { file?: string; line?: number; column?: number; message: string } {
  const match = /^(.*?):(\d+):(\d+): (.*)$/.exec(line)
  if (match === null) return { message: line }
  const [, file = '', row, column, message = ''] = match
  return { file, line: Number(row), column: Number(column), message }
}

const writeJson = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)

/** Nothing is kept: a key that would be trusted because it is the first is accepted, and seen by nobody else. */
const NO_FIRST_USE = { find: () => Promise.resolve(undefined), keep: () => Promise.resolve() }
