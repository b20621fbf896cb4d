/* What native.py needs of the library beside the kernels. */
#include "scan.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

/* Tells which sources this was built from. */
extern EXPORT const uint32_t scan_source_checksum;
const uint32_t scan_source_checksum = SCAN_SOURCE_CHECKSUM;

/* Ask for huge pages under an output before it is first written: a fault for every 4 KiB can take longer than the
 * kernel. Only advice, so a refusal changes nothing. */
EXPORT void scan_advise_huge_pages(void *output, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t page = 2 << 20;
    const uintptr_t begin = ((uintptr_t)output + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)output + bytes) / page * page;
    if (begin < end)
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)output, (void)bytes;
#endif
}
