import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { expect, it } from 'vitest'
import { createProgram as createPamctl } from '../../src/cli/program.ts'
import { createProgram as createGateway } from '../../src/server/program.ts'
import { VARIABLES } from '../../src/shared/environment.ts'
import { ROOT } from '../helpers/run.ts'

/** Variables that options take their value from. */
function ofOptions(command: Command): string[] {
  return [
    ...command.options.flatMap(({ envVar }) => (envVar === undefined ? [] : [envVar])),
    ...command.commands.flatMap(ofOptions),
  ]
}

it('lists the variables of options, and no others as such', () => {
  const nothing = () => {}
  const programs = {
    pamctl: createPamctl(() => () => Promise.resolve(), nothing),
    'pam-gateway': createGateway(nothing),
  }
  for (const [name, program] of Object.entries(programs)) {
    const listed = Object.entries(VARIABLES).filter(([, row]) => row.read === name && 'option' in row)
    expect([...new Set(ofOptions(program))].toSorted()).toEqual(listed.map(([variable]) => variable).toSorted())
  }
})

it('lists every variable of ours that the source names', () => {
  // What the demo and the tests read is for whoever works on pamctl: CONTRIBUTING.md has it.
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !/^demo[\\/]/.test(file),
  )
  const named = files.flatMap(
    (file) => readFileSync(join(ROOT, 'src', file), 'utf8').match(/\bPAM(?:CTL)?_[A-Z_]+\b/g) ?? [],
  )
  const ours = Object.keys(VARIABLES).filter((name) => name.startsWith('PAM'))
  expect([...new Set(named)].toSorted()).toEqual(ours.toSorted())
})
