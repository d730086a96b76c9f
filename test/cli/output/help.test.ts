import { expect, it } from 'vitest'
import { EXAMPLES } from '../../../src/cli/examples.ts'
import { createProgram } from '../../../src/cli/program.ts'
import { expectExamples } from '../../helpers/examples.ts'

const create = () =>
  createProgram(
    () => () => Promise.resolve(),
    () => {},
  )

it('every verb has examples that it parses', () => expectExamples(create(), EXAMPLES))

it('lists every verb in a group', () => {
  const program = create()
  const loose = program.commands.filter((verb) => verb.helpGroup() === '')
  expect(loose.map((verb) => verb.name())).toEqual([])
  expect(program.helpInformation()).toContain('\nLooking back:\n  sessions ')
})
