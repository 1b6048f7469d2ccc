// GET /reviews?stage=held: the reviews that are out, from the stream. TypeScript.
import { ApiRouteConfig, Handlers } from 'motia'

export const config: ApiRouteConfig = {
  type: 'api',
  name: 'ListReviews',
  path: '/reviews',
  method: 'GET',
  queryParams: [{ name: 'stage', description: '`published`, as without it, or `held`' }],
  emits: [],
  flows: ['reviews'],
}

export const handler: Handlers['ListReviews'] = async (req, { streams }) => {
  const stage = req.queryParams.stage === 'held' ? 'held' : 'published'
  const reviews = await streams.reviews.getGroup(stage)
  return { status: 200, body: reviews.map(({ product, text, points }) => ({ product, text, points })) }
}
