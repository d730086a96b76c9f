import { expect, it } from 'vitest'
import { asyncWaitOf } from '../../../../src/protocols/http/gateway/prefer-async.ts'

it.each([
  [['respond-async'], 0],
  [['Respond-Async ; x=1'], 0],
  [['return=minimal, respond-async, wait=10'], 10_000],
  [['respond-async', 'wait="5"'], 5000],
  [['wait = 7,respond-async, wait=1'], 7000],
  [['respond-async, wait=x'], 0],
  [['respond-async, wait=999999'], 60_000],
  [['wait=10'], undefined],
  [['respond-asynchronously'], undefined],
  [['foo="respond-async"'], undefined],
  [[], undefined],
])('of %j is %s', (values, waitMs) => {
  expect(asyncWaitOf(values.map((value) => ['prefer', value] as const))).toBe(waitMs)
})
