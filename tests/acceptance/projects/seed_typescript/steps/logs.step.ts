import { ApiRouteConfig, Handlers } from 'motia';

export const config: ApiRouteConfig = { name: 'Logs', type: 'api', path: '/log', method: 'POST', emits: [], flows: ['my-flow'] };

export const handler: Handlers['Logs'] = async (req, { logger, traceId }) => {
  const error = new Error('no such thing')
  logger.info('Processing started', { userId: '123' });
  logger.error('Process failed', { error: error.message });
  logger.warn('High usage detected', { requests: 1000 });
  return { status: 200, body: { trace: traceId } }
};
