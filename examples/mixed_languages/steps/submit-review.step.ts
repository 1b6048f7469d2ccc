// POST /reviews: check, keep and announce a review, then answer. TypeScript.
import { ApiRouteConfig, Handlers } from 'motia'
import { withClient } from '../src/client.middleware'
import { Stage, newReview } from '../src/review'

export const config: ApiRouteConfig = {
  type: 'api',
  name: 'SubmitReview',
  description: 'Takes a review and answers before it is scored',
  path: '/reviews',
  method: 'POST',
  bodySchema: {
    type: 'object',
    properties: {
      product: { type: 'string', minLength: 1 },
      text: { type: 'string', minLength: 1, maxLength: 10_000 },
    },
    required: ['product', 'text'],
    additionalProperties: false,
  },
  responseSchema: {
    202: {
      type: 'object',
      properties: {
        id: { type: 'string' },
        product: { type: 'string' },
        text: { type: 'string' },
        stage: { type: 'string', enum: ['submitted', 'published', 'held'] },
        client: { type: 'string' },
      },
      required: ['id', 'product', 'text', 'stage', 'client'],
    },
  },
  middleware: [withClient],
  emits: ['review.submitted'],
  flows: ['reviews'],
}

export const handler: Handlers['SubmitReview'] = async (req, { emit, state, logger, traceId }) => {
  const review = newReview(traceId, req.body, req.client ?? 'unknown')
  await state.set('reviews', review.id, review)
  await emit({ topic: 'review.submitted', data: { id: review.id, text: review.text } })
  logger.info('review submitted', { id: review.id, stage: Stage.Submitted })
  return { status: 202, headers: { Location: `/reviews/${review.id}` }, body: review }
}
