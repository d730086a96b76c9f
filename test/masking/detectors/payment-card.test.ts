import { expect, it } from 'vitest'
import { paymentCard } from '../../../src/masking/detectors/payment-card.ts'

/** Numbers that the networks and their processors publish for tests. */
it.each([
  ['Visa', '4242424242424242'],
  ['Visa, of 13 digits', '4222222222222'],
  ['Mastercard', '5555555555554444'],
  ['Mastercard, of the series 2', '2223003122003222'],
  ['American Express', '378282246310005'],
  ['American Express, of the series 34', '343434343434343'],
  ['Diners Club, of the series 30', '30569309025904'],
  ['Diners Club, of the series 38', '38520000023237'],
  ['JCB', '3566002020360505'],
  ['Discover', '6011111111111117'],
  ['UnionPay, of 19 digits', '6205500000000000004'],
  ['Maestro', '5018000000000009'],
])('a number of %s is found', (_, number) => {
  expect(paymentCard.find(number)).toEqual([{ start: 0, end: number.length }])
})

it('a number that no network begins so is none, though its check digit is right', () => {
  for (const number of ['1234567812345670', '0000000000000000', '7000000000000005', '9000000000000001'])
    expect(paymentCard.find(number)).toEqual([])
})

it('is looked for in hexadecimal digits up to 23 of them: an ObjectId has 24', () => {
  expect(paymentCard.find('4242424242424242abcdef1')).toHaveLength(1)
  expect(paymentCard.find('4242424242424242abcdef12')).toEqual([])
})
