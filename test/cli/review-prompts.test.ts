import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import type { Review } from '../../src/api/schemas/review.ts'
import { ReviewPrompts } from '../../src/cli/review-prompts.ts'
import { dropTyped } from '../../src/cli/typed-ahead.ts'

const reviewOf = (id: string): Review => ({ id }) as Review
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function bench() {
  const said: string[] = []
  const answers: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []
  const prompts = new ReviewPrompts(
    ({ id }) => {
      said.push(`ask ${id}`)
      return new Promise((resolve, reject) => answers.push({ resolve, reject }))
    },
    (error) => said.push(`failed: ${String(error)}`),
  )
  const print = (text: string): void => prompts.print(() => said.push(text))
  return { prompts, print, said, answers }
}

it('asks about one after the other, and prints nothing over a question', async () => {
  const { prompts, print, said, answers } = bench()
  print('a')
  prompts.add(reviewOf('1'))
  print('b')
  prompts.add(reviewOf('2'))
  expect(said).toEqual(['a', 'ask 1'])
  answers[0]?.resolve()
  await soon()
  expect(said).toEqual(['a', 'ask 1', 'b', 'ask 2'])
  answers[1]?.resolve()
  await soon()
  print('c')
  prompts.add(reviewOf('3'))
  expect(said.slice(4)).toEqual(['c', 'ask 3'])
})

it('asks nothing more once a question was interrupted', async () => {
  const { prompts, said, answers } = bench()
  prompts.add(reviewOf('1'))
  prompts.add(reviewOf('2'))
  answers[0]?.reject('Ctrl-C')
  await soon()
  prompts.add(reviewOf('3'))
  await soon()
  expect(said).toEqual(['ask 1', 'failed: Ctrl-C'])
})

it('drops keys that were for a question that was taken away, but Ctrl-C, and leaves later ones', async () => {
  const modes: boolean[] = []
  const keys = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (isRaw: boolean) => modes.push(isRaw) })
  let interruptions = 0
  const dropped = dropTyped(
    keys,
    () => interruptions++,
    async () => {
      keys.write('\u001b[B\r')
      await soon()
      keys.write('\u0003')
      await soon()
    },
  )
  await dropped
  expect([modes, interruptions, keys.isPaused()]).toEqual([[true, false], 1, true])
  keys.write('\r')
  expect(String(keys.read())).toBe('\r')
})
