export { OBJECTIVES, type ServiceLevels, serviceLevels } from '../core/service-levels.ts';
