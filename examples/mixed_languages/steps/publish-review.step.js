// On `review.scored`: publish a review, or hold it for somebody to look at. JavaScript.
import { Stage } from '../src/review'

export const config = {
  type: 'event',
  name: 'PublishReview',
  description: 'Publishes what is not too unkind',
  subscribes: ['review.scored'],
  input: {
    type: 'object',
    properties: { id: { type: 'string' }, points: { type: 'number' } },
    required: ['id', 'points'],
  },
  emits: [],
  flows: ['reviews'],
}

/** @type {import('motia').Handlers['PublishReview']} */
export const handler = async ({ id, points }, { state, streams, logger }) => {
  const review = await state.get('reviews', id)
  const stage = points < -0.5 ? Stage.Held : Stage.Published
  await state.set('reviews', id, { ...review, stage, points })
  await streams.reviews.set(stage, id, { product: review.product, text: review.text, points })
  logger.info('review is out', { id, stage })
}
