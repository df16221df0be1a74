#include "http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

int http_parse(const char *head, size_t length, struct http_request *request)
{
    if (length < 4)
        return 0;
    if (memcmp(head, "GET ", 4) != 0)
        return -1;
    const char *end = memmem(head, length, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    const char *path = head + 4;
    const char *path_end = memchr(path, ' ', (size_t)(end - path));
    if (path_end == NULL || (size_t)(path_end - path) >= sizeof request->path)
        return -1;
    memcpy(request->path, path, (size_t)(path_end - path));
    request->path[path_end - path] = '\0';
    request->keep_alive = strncmp(path_end, " HTTP/1.1", 9) == 0;
    for (const char *line = path_end; line < end; line++) {
        if (strncasecmp(line, "\r\nConnection: close", 19) == 0)
            request->keep_alive = false;
    }
    return 1;
}

size_t http_head(char *out, size_t size, const char *status, const char *type, uint64_t body, bool keep_alive)
{
    int n = snprintf(out, size, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %llu\r\nConnection: %s\r\n\r\n", status,
                     type, (unsigned long long)body, keep_alive ? "keep-alive" : "close");
    return (size_t)n;
}
