import Table from 'cli-table3'
import { checkPolicy } from './check-policy.ts'
import { configWarnings, loadConfig } from './config.ts'
import type { Engine } from './engine.ts'
import { knownKeys } from './ssh/host-keys.ts'
import { sshEngine } from './ssh/engine.ts'
import { postgresEngine } from './postgres/engine.ts'
import { createSqlParser } from './postgres/sql-parser.ts'

/** `pam-gateway check`: whether the configuration is valid, and what its tests say. */
export async function check(file: string): Promise<void> {
  const config = loadConfig(file)
  for (const warning of configWarnings(config)) process.stderr.write(`pam-gateway: warning: ${warning}\n`)
  for (const target of config.targets) if (target.type === 'ssh') knownKeys(target, config.baseDirectory)
  const { access, commands, masking } = config.policy
  process.stdout.write(
    `${file} is valid: ${config.targets.length} targets, ${access.length} access, ${commands.length} command and ${masking.length} masking rules\n`,
  )
  if (config.tests.length === 0) return
  const parser = await createSqlParser()
  const engines = new Map<string, Engine>([
    ['postgres', postgresEngine(parser, config.baseDirectory)],
    ['ssh', sshEngine({ hostKeys: [], baseDirectory: config.baseDirectory, firstUse: NO_FIRST_USE })],
  ])
  const results = await checkPolicy(config.tests, config.policy, config.targets, engines)
  await parser.close()
  const table = new Table({
    head: ['', 'GIVEN', 'TARGET', 'EXPECTED', 'VERDICT', 'RULE'],
    style: { head: [], border: [] },
  })
  for (const { passed, given, target, expected, verdict, rule } of results)
    table.push([passed ? 'ok' : 'FAILED', given, target, expected, verdict, rule])
  process.stdout.write(`${table.toString()}\n`)
  const failed = results.filter(({ passed }) => !passed).length
  process.stdout.write(`${results.length - failed} of ${results.length} tests passed\n`)
  if (failed > 0) process.exitCode = 1
}

/** Nothing is connected to. */
const NO_FIRST_USE = { find: () => Promise.resolve(undefined), keep: () => Promise.resolve() }
