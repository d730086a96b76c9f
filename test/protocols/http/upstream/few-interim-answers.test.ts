import { expect, it } from 'vitest'
import { fewInterimAnswers } from '../../../../src/protocols/http/upstream/few-interim-answers.ts'

it('gives up, once, on a server that sends interim answers without end', () => {
  const errors: unknown[] = []
  const count = fewInterimAnswers((error) => errors.push(error))
  for (let said = 0; said < 1000; said++) count()
  expect(errors).toEqual([])
  for (let said = 0; said < 1000; said++) count()
  expect(errors).toMatchObject([{ code: 'TARGET_LEFT' }])
})
