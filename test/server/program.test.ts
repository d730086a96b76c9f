import { Command } from 'commander'
import { expect, it } from 'vitest'
import { EXAMPLES } from '../../src/server/examples.ts'
import { createProgram } from '../../src/server/program.ts'
import { expectExamples } from '../helpers/examples.ts'

/** The whole command line, of which no command does anything. */
function create(): Command {
  const program = createProgram(() => {})
  const visit = (command: Command): void => {
    if (command.commands.length === 0) command.action(() => {})
    command.commands.forEach(visit)
  }
  visit(program)
  return program
}

it('every command has examples that it parses', () => expectExamples(create(), EXAMPLES))

it('lists every command in a group', () => {
  expect(create().helpInformation()).toMatch(/\nSetting up:\n {2}init .*\nRunning:\n {2}start .*\nKeys and secrets:/s)
})
