import { expect, it } from 'vitest'
import { nationalId } from '../../../src/masking/detectors/national-id.ts'

it('of a Brazilian CPF both check digits are computed', () => {
  const found = (text: string): boolean => nationalId.find(text).length > 0
  expect(found('111.444.777-35')).toBe(true)
  // One of the two is right in each of these: the second is computed from the first as it is written.
  for (let first = 0; first < 10; first++)
    for (let second = 0; second < 10; second++)
      expect(found(`111.444.777-${first}${second}`), `${first}${second}`).toBe(first === 3 && second === 5)
})
